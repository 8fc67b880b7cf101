"""Adds a document to the library and gets it back unchanged. Reads no document and imports no torch."""

from __future__ import annotations

from collections.abc import Callable

from sqlite_utils import Database

from reader.documents import Document, Page
from storage import DocumentRecord, PageRecord, Store, StoredDocument


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
            authors=document.authors,
        )
        return
    names = (document.title, document.file_name, document.format)
    stored = StoredDocument.new(document.id, *names, pages, document.parser_version, document.authors)
    with store.adding_document(stored) as db:
        hold(db, stored)


def document_view(store: Store, document_id: str, user: str | None) -> tuple[DocumentRecord, list[PageRecord]]:
    """A document and its pages: as the file of a user has them, if the user has one, else the document's own.

    Raises:
        NotFound: the library has no such document.
    """
    if user is None or user not in store.user_documents.users(document_id):
        return store.document(document_id), store.pages(document_id)
    holding = store.user_documents.get(user, document_id)
    return holding.document, store.pages(document_id, holding.division)


def stored_document(store: Store, reference: str, user: str | None = None) -> Document:
    """The document in the library with this id, this unique start of an id, or this title.

    Args:
        user: use the title and pages of this user's file, if the user has one.

    Raises:
        StoreError: the library has no such document, or several fit the reference.
    """
    record, pages = document_view(store, store.document(reference).id, user)
    return Document(
        text="".join(page.text for page in pages),
        pages=tuple(Page(page.number, page.label, page.start_char, page.end_char) for page in pages),
        title=record.title,
        file_name=record.file_name,
        format=record.format,
        textless_pages=0,
        parser_version=record.parser_version,
        authors=record.authors,
    )
