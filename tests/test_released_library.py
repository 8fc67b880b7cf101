"""A library written by a released version opens, answers and verifies; see `fixtures/library-0.1/make.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.library import expected, library

from reader.app.service import Service
from reader.app.workspace import Workspace
from reader.models import Model
from storage import NotFound, Store, verify

__all__ = ["expected", "library"]  # fixtures


def test_it_opens_whole_and_every_owner_finds_their_own(library: Path, expected: dict[str, Any]) -> None:
    for _ in range(2):  # the first opening migrates it
        with Store(library) as store:
            assert verify(store).faults == ()
            service = Service(store, "tiny-llama")
            for user, held in expected["held"].items():
                shown = Workspace(service, user).documents(limit=9)
                assert sorted(document.id for document in shown) == held
                assert sorted(document.holding.document.title for document in shown) == expected["titles"][user]
            assert {memory.document_id: memory.key for memory in store.memories()} == expected["memories"]
            for document_id, pages in expected["pages"].items():
                assert [[p.label, p.start_char, p.end_char] for p in store.pages(document_id)] == pages
            assert sorted({(job.document_id, job.state) for job in store.jobs.all()}) == [
                tuple(job) for job in expected["jobs"]
            ]
            assert store.budget() == expected["budget"]
            assert sorted(document.id for document in store.documents() if document.pinned) == expected["pinned"]
            assert [question.id for question in store.questions.waiting("bob")] == [expected["question"]]
            turns = Workspace(service, "ann").conversation(expected["conversation"]).turns
            assert [[turn.question, turn.answer, list(turn.evidence)] for turn in turns] == expected["turns"]


def test_its_owner_still_sees_the_original_and_nobody_else_does(library: Path, expected: dict[str, Any]) -> None:
    paper = expected["documents"]["paper"]
    with Store(library) as store:
        service = Service(store, "tiny-llama")
        ann = Workspace(service, "ann")
        assert ann.page(paper, 2).is_drawn
        assert ann.picture(paper, 2)[:3] == (ann.cover(paper) or b"")[:3] == b"\xff\xd8\xff"
        for other in ("bob", ""):
            for call in (Workspace(service, other).cover, Workspace(service, other).get):
                with pytest.raises(NotFound):
                    call(paper)


def test_it_answers_as_it_did(library: Path, expected: dict[str, Any], tiny_model: Model) -> None:
    """But for its second question: it stands alone, so it is no longer asked behind the turn before."""
    assert tiny_model.decoder.fingerprint == expected["decoder"]["fingerprint"]
    paper = expected["documents"]["paper"]
    with Store(library) as store:
        service = Service(store, "tiny-llama")
        service.model = tiny_model
        conversation = store.conversations.add([paper], "ann")
        for question, answer, evidence in expected["turns"]:
            for _ in service.answer(conversation, question):
                pass
            conversation = store.conversations.get(conversation.id, "ann")
            turn = conversation.turns[-1]
            if len(conversation.turns) == 1:
                assert turn.answer == answer
            assert [place["quote"] for place in turn.evidence] == [place["quote"] for place in evidence]
        before = Workspace(service, "ann").conversation(expected["conversation"])
        for _ in service.answer(before, expected["turns"][1][0], number=1):
            pass
        assert Workspace(service, "ann").conversation(before.id).turns[1].answer == turn.answer
