"""The clock is set back, and nothing is lost or comes in another order."""

from __future__ import annotations

import time

import pytest
from helpers.library import add_document, add_read_document, key, read_memory, reading

from storage import Store, is_running, new_owner, verify

HOUR = 3600.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """Sets the clock of this program by so many seconds."""
    real = time.time

    def turn(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: real() + seconds)

    return turn


def test_jobs_are_done_and_listed_in_the_order_they_were_queued(store: Store, clock) -> None:
    ids = [add_document(store, f"Book {number}", "x" * number) for number in range(3)]
    queued = []
    for hours, document_id in zip((0, -2, -5), ids, strict=True):
        clock(hours * HOUR)
        queued.append(store.jobs.add(document_id, {"model": "m"}).id)
    assert [job.id for job in store.jobs.all()] == queued[::-1]
    owner = new_owner()
    done = []
    while (job := store.jobs.claim(owner)) is not None:
        done.append(job.id)
        store.jobs.end(job.id, owner, "ready")
    assert done == queued


def test_a_reading_of_a_living_owner_stays_theirs_and_a_lost_one_is_taken_over(store: Store, clock) -> None:
    document_id = add_document(store)
    owner = new_owner()
    store.jobs.add(document_id, {"model": "m"})
    job = store.jobs.claim(owner)
    assert job is not None
    clock(-HOUR)
    store.jobs.beat(job.id, owner)
    assert is_running(store.jobs.get(job.id))
    assert store.jobs.claim(new_owner()) is None
    clock(-2 * HOUR)  # and no beat comes any more: it is not waited for until the clock has caught up
    taken = store.jobs.claim(new_owner())
    assert taken is not None
    assert taken.id == job.id


def test_the_memory_used_longest_ago_is_evicted_first(store: Store, clock) -> None:
    ids = [add_read_document(store, number, title=f"Book {number}", extra="x" * number) for number in range(3)]
    size_bytes = store.memories(ids[0])[0].bytes
    for hours, name in ((-1, 2), (-3, 0), (-9, 1)):
        clock(hours * HOUR)
        store.open_memory(key(name)).close()
    assert [memory.key for memory in store.memories()] == [key(1), key(0), key(2)]
    evicted = store.make_room(0, 2 * size_bytes)
    assert [memory.key for memory in evicted] == [key(2)]
    clock(-20 * HOUR)
    read_memory(store, 5, ids[2])
    assert [memory.key for memory in store.make_room(0, 2 * size_bytes)] == [key(0)]


def test_the_reading_that_ended_last_is_the_one_that_is_asked(store: Store, clock) -> None:
    from reader.answering import choose_memory

    document_id = add_document(store)
    owner = new_owner()
    for hours, name in ((0, 1), (-4, 2), (-2, 3), (-8, 2)):  # the last one finds its memory finished
        clock(hours * HOUR)
        store.jobs.add(document_id, {"model": "tiny", "ratio": name})
        job = store.jobs.claim(owner)
        assert job is not None
        record = store.memory(key(name))
        if record is None:
            record = read_memory(store, name, document_id)
        store.jobs.end(job.id, owner, "ready", memory_key=record.key)
        chosen = choose_memory(store, document_id, "tiny")
        assert chosen is not None
        assert chosen.key == key(name)


def test_turns_and_waiting_questions_keep_their_order(store: Store, clock) -> None:
    document_id = add_document(store)
    talk = store.conversations.add([document_id])
    owner = new_owner()
    for number in range(4):
        clock(-number * HOUR)
        talk = store.conversations.add_turn(talk, f"question {number}", f"answer {number}")
        store.questions.add("", document_id, talk.id, f"waiting {number}", {}, owner)
    assert [turn.question for turn in store.conversations.get(talk.id).turns] == [f"question {n}" for n in range(4)]
    assert [question.text for question in store.questions.waiting("")] == [f"waiting {n}" for n in range(4)]
    assert [question.text for question in store.questions.claim(owner)] == [f"waiting {n}" for n in range(4)]
    assert store.questions.claim(new_owner()) == []  # their owner is alive, whatever the clock says
    newer = store.conversations.add([document_id])
    assert [found.id for found in store.conversations.all()] == [newer.id, talk.id]


def test_a_half_read_memory_goes_on(store: Store, clock) -> None:
    from helpers.library import add_segment

    document_id = add_document(store)
    with reading(store, 1, document_id) as writer:
        add_segment(writer, 0)
    clock(-HOUR)
    with reading(store, 1, document_id) as writer:
        assert len(writer.segments) == 1
    assert read_memory(store, 2, document_id).state == "ready"
    assert verify(store).faults == ()
