"""Documents in a library: their ids, names and states, and the search in their pages."""

from __future__ import annotations

import pytest
from helpers.documents import one_page
from helpers.library import (
    add_document,
    add_segment,
    key,
    memory_file,
    read_memory,
    reading,
)

from storage import (
    Store,
    text_id,
)


def test_an_id_is_that_of_the_reader() -> None:
    text = "Skarvøy\n"
    document = one_page(text, "t")
    assert text_id(text.encode()) == document.id


def test_names_cannot_drive_a_terminal(store: Store) -> None:
    store.add_document(key(1), title="a\x1b[2Jb", file_name="\x9b.txt", format="text", pages=[("\r1", "x\x1b")])
    record = store.document(key(1))
    assert (record.title, record.file_name, store.pages(key(1))[0].label) == ("a?[2Jb", "?.txt", "?1")
    assert store.text(key(1)) == "x\x1b"


def test_a_document_is_unread_then_half_read_then_ready(store: Store) -> None:
    document_id = add_document(store)
    assert (store.document(document_id).state, store.document(document_id).read_at) == ("unread", None)
    with reading(store, 1, document_id) as writer:
        add_segment(writer, 0)
        assert store.document(document_id).state == "reading"
        half = store.memories(document_id)[0].bytes
        assert (store.document(document_id).memories, store.document(document_id).memory_bytes) == (0, half)
        assert half > 0
    read_memory(store, 2, document_id)
    record = store.document(document_id)
    assert (record.state, record.memories) == ("ready", 1)
    assert record.memory_bytes == half + memory_file(store, 2).stat().st_size
    store.remove_memory(key(1))
    store.remove_memory(key(2))
    assert store.document(document_id).state == "unread"
    assert store.document(document_id).read_at is not None


def test_a_search_finds_pages_with_all_words_and_shows_where(store: Store) -> None:
    document_id = add_document(store)
    add_document(store, "Other", "Years of Ishmael")
    (first, second) = store.search("ishmael years")[:1] * 2
    assert (first.title, first.page, first.label, second) == ("Other", 4, "2", first)
    assert "Years of Ishmael" in first.snippet
    assert {hit.document_id for hit in store.search("SOME")} == {d.id for d in store.documents()}  # no accents needed
    assert [hit.page for hit in store.search("call") if hit.document_id == document_id] == [1]
    assert len(store.search("years", limit=1)) == 1
    store.remove_document(document_id)
    assert all(hit.title == "Other" for hit in store.search("call"))


@pytest.mark.parametrize(
    "query",
    ["", " ", '"', '""', "'", "*", "call*", "NOT", "call AND", "NEAR(call me, 2)", "text:call", "{text}:", "(", "^call",
     "call\0me", "\ud800", "call -me", "call + me", "- . ,", "'; DROP TABLE pages; --", "%", "_", "a" * 10_000,
     "call " * 10_000, "日本語", "हिन्दी", "e\u0301", "\U0001f600", "call\u00a0me", "‮call"],
)  # fmt: skip
def test_no_query_can_break_a_search(store: Store, query: str) -> None:
    add_document(store)
    assert len(store.search(query)) <= 1
    assert len(store.documents()) == 1


def test_a_search_takes_signs_for_the_gaps_that_they_are(store: Store) -> None:
    add_document(store, extra="A well-known e-mail, हिन्दी, and C3PO.")
    for query in ("well-known", "e-mail", '"well-known"', "हिन्दी", "c3po", "known, well", "well - known"):
        assert [hit.page for hit in store.search(query)] == [4], query
    assert store.search("known-well") == []
