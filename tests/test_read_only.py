"""A library on a disk that may only be read is listed, searched and asked; what would write says so in a sentence."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import disks
from helpers.documents import make_document

from reader.answering import ask, attach, choose_memory
from reader.models import Model
from reader.reading import read
from storage import LOCAL_USER, NotWritable, Store, collect_garbage, export_document, new_owner, rebuild, verify


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with disks.small_disk(tmp_path / "disk", "8m") as disk:
        yield disk


def test_a_read_only_library_is_listed_and_asked_and_refuses_the_rest(
    disk: Path, tmp_path: Path, tiny_model: Model
) -> None:
    document, other = make_document(80), make_document(60, "Other")
    with Store(disk / "library") as store:
        record = read(document, tiny_model, store).memory
        answer = [part.text for part in ask(attach(record, tiny_model, store), "Who?", tiny_model)]
        talk = store.conversations.add([document.id])
        job = store.jobs.add(document.id, {"model": "m"})
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with Store(disk / "library") as store:
        assert [found.id for found in store.documents()] == [document.id]
        assert [held.document.id for held in store.user_documents.page(LOCAL_USER, limit=9)] == [document.id]
        assert store.conversations.get(talk.id).turns == ()
        chosen = choose_memory(store, document.id, tiny_model)
        assert chosen is not None
        assert [part.text for part in ask(attach(chosen, tiny_model, store), "Who?", tiny_model)] == answer
        assert read(document, tiny_model, store).tokens_read == 0  # nothing is left to be read
        export_document(store, document.id, tmp_path / "a.beacon")
        assert verify(store).faults == ()
        for write in (
            lambda: read(other, tiny_model, store),
            lambda: store.conversations.add_turn(talk, "Who?", "The keeper."),
            lambda: store.questions.add(LOCAL_USER, document.id, talk.id, "Who?", {}, new_owner()),
            lambda: store.jobs.claim(new_owner()),
            lambda: store.jobs.stop(job.id, "cancel"),
            lambda: store.user_documents.rename(LOCAL_USER, document.id, "Mine"),
            lambda: store.remove_document(document.id),
            lambda: store.make_room(0, 0),
            lambda: collect_garbage(store),
            lambda: rebuild(store.folder, force=True),
        ):
            with pytest.raises(NotWritable, match=f"{disk}.*cannot be written") as caught:
                write()
            assert "\n" not in str(caught.value)
