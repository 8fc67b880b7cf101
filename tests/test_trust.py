"""Nobody gets another's file by HTTP, whoever has the same text; and libraries written before show nobody more."""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from helpers.documents import RED, foot, painted_pdf, same_text
from helpers.library import FIXTURE, run_all
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from reader.app.accounts import Accounts, Gate, add_account
from reader.app.routes import routes
from reader.app.service import Service
from reader.app.workspace import Pictures, Workspace
from reader.models.model import Model
from storage import NotFound, Store

PASSWORDS = {"ann": "first password", "bob": "second password"}


@pytest.fixture
def clients(service: Service, tmp_path: Path) -> dict[str, TestClient]:
    """Two people who have signed in at one server."""
    for name, password in PASSWORDS.items():
        add_account(tmp_path / "users", name, password)
    gate = Middleware(Gate, accounts=Accounts(tmp_path / "users"), sign_in_page="")
    app = Starlette(routes=routes(service, Pictures()), middleware=[gate])
    clients = {name: TestClient(app) for name in PASSWORDS}
    for name, client in clients.items():
        client.post("/login", data={"username": name, "password": PASSWORDS[name]})
    return clients


def test_by_http_a_text_of_the_same_words_gives_nothing_of_anothers_pdf(
    clients: dict[str, TestClient], service: Service, store: Store, tiny_model: Model, tmp_path: Path
) -> None:
    service.model_name, service.model = "tiny", tiny_model
    secret = painted_pdf(tmp_path / "ann-divorce.pdf", RED, title="Ann against Bob", labels="/r")
    document_id = Workspace(service, "ann").add(secret).id
    paths = [
        f"/cover/{document_id}",
        f"/picture/{document_id}/1",
        f"/picture/{document_id}/2",
        f"/export/{document_id}",
    ]
    assert [clients["bob"].get(path).status_code for path in paths] == [404] * 4
    Workspace(service, "bob").add(same_text(tmp_path / "b.txt"))
    run_all(store, tiny_model)
    assert [clients["ann"].get(path).status_code for path in paths] == [200] * 4
    assert foot(clients["ann"].get(paths[2]).content) == (True, False, False)
    answers = [clients["bob"].get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [204, 404, 404, 200]
    for answer in answers:
        for word in (b"ann", b"Ann", b"divorce", b"pdf", b'"ii"'):
            assert word not in answer.content
    assert answers[3].headers["content-disposition"].endswith('"b.beacon"')


@pytest.fixture
def shared_library(tmp_path: Path) -> Path:
    """A library of version 0.1 in which Bob, too, has the text of Ann's PDF, from a file of his own, and a reading."""
    with tarfile.open(FIXTURE / "library.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    with closing(sqlite3.connect(tmp_path / "library" / "library.db")) as db:
        db.execute(
            "INSERT INTO holdings SELECT 'bob', id, 'Bob''s', '[]', 0, added_at + 60 FROM documents WHERE format = 'pdf'"
        )
        db.commit()
    return tmp_path / "library"


def test_an_older_library_gives_an_original_to_who_brought_it_and_a_reading_to_each(shared_library: Path) -> None:
    for _ in range(2):
        with Store(shared_library) as store:
            service = Service(store, "tiny-llama")
            ann, bob = Workspace(service, "ann"), Workspace(service, "bob")
            (paper,) = [shown.id for shown in ann.documents("letter", limit=9)]
            assert ann.page(paper, 2).is_drawn
            assert ann.picture(paper, 1)
            assert ann.get(paper).holding.document.file_name == "ann-letter.pdf"
            his = bob.get(paper)
            assert (his.holding.document.title, his.holding.document.file_name) == ("Bob's", "")
            jobs = {user: store.jobs.all(paper, user) for user in ("ann", "bob")}
            assert [[(job.state, job.memory_key) for job in own] for own in jobs.values()] == [
                [("ready", store.memories(paper)[0].key)]
            ] * 2
            assert not bob.page(paper, 2).is_drawn
            assert bob.cover(paper) is None
            with pytest.raises(NotFound):
                bob.picture(paper, 1)
            bob.rename(paper, "")
            assert bob.get(paper).holding.document.title == "Bob's"


def test_an_older_library_of_one_person_keeps_all_its_pictures(shared_library: Path) -> None:
    with closing(sqlite3.connect(shared_library / "library.db")) as db:
        db.execute("DELETE FROM holdings")
        db.execute("UPDATE documents SET format = 'text'")  # as if the same text had been added first
        db.commit()
    with Store(shared_library) as store:
        local = Workspace(Service(store, "tiny-llama"))
        assert local.count() == 3
        assert [local.page(shown.id, 1).is_drawn for shown in local.documents("letter", limit=9)] == [True]
