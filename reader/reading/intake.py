"""Adds a document to the library and gets it back unchanged. Reads no document and imports no torch."""

from __future__ import annotations

from collections.abc import Callable

from sqlite_utils import Database

from reader.documents import Document, Page
from storage import Store, StoredDocument


def add_document(
    document: Document, store: Store, hold: Callable[[Database, StoredDocument], None] | None = None
) -> None:
    """Add a document to the library without reading it.

    A document that the library has already stays as it is, except that a newer parser version is noted.

    Args:
        hold: gives the document to a user, in the same transaction; None: a new document belongs to the local user.

    Raises:
        StoreError: the library cannot be written.
    """
    pages = [(page.label, document.text[page.start : page.end]) for page in document.pages]
    if hold is None:
        store.add_document(
            document.id,
            title=document.title,
            file_name=document.file_name,
            format=document.format,
            pages=pages,
            parser_version=document.parser_version,
        )
        return
    names = (document.title, document.file_name, document.format)
    stored = StoredDocument.new(document.id, *names, pages, document.parser_version)
    with store.adding_document(stored) as db:
        hold(db, stored)


def stored_document(store: Store, reference: str, user: str | None = None) -> Document:
    """The document in the library with this id, this unique start of an id, or this title.

    Args:
        user: use the title and pages of this user's file, if the user has one.

    Raises:
        StoreError: the library has no such document, or several fit the reference.
    """
    record, division = store.document(reference), ""
    if user is not None and user in store.user_documents.users(record.id):
        holding = store.user_documents.get(user, record.id)
        record, division = holding.document, holding.division
    pages = store.pages(record.id, division)
    return Document(
        text="".join(page.text for page in pages),
        pages=tuple(Page(page.number, page.label, page.start_char, page.end_char) for page in pages),
        title=record.title,
        file_name=record.file_name,
        format=record.format,
        textless_pages=0,
        parser_version=record.parser_version,
    )
