"""What one person may see and do: each one's documents are theirs, and another's are like none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.documents import BLUE, RED, TEXTS, WORDS, foot, make_document, painted_pdf, same_text, text_file, write_pdf
from helpers.library import run_all

from reader.app.service import Service
from reader.app.workspace import Workspace
from reader.documents import PARSER_VERSIONS, draw, load
from reader.errors import ConfigError, DocumentError, ReaderError
from reader.models import Model
from reader.reading import add_document
from reader.reading.jobs import JobSettings, enqueue, run
from storage import (
    NotFound,
    Store,
    backup,
    cover_file,
    import_document,
    keep_original,
    new_owner,
    original_file,
    rebuild,
)

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def ann(service: Service) -> Workspace:
    return Workspace(service, "ann")


@pytest.fixture
def bob(service: Service) -> Workspace:
    return Workspace(service, "bob")


@pytest.fixture
def nobody(service: Service) -> Workspace:
    """Whoever uses the app without a password."""
    return Workspace(service)


def ids(workspace: Workspace, query: str = "") -> list[str]:
    return [shown.id for shown in workspace.documents(query, limit=100)]


def actions(workspace: Workspace, document_id: str, conversation_id: str) -> list[Callable[[], object]]:
    return [
        lambda: workspace.get(document_id),
        lambda: workspace.remove(document_id),
        lambda: workspace.parse_again(document_id),
        lambda: workspace.rename(document_id, "Mine"),
        lambda: workspace.tag(document_id, ["mine"]),
        lambda: workspace.pin(document_id, True),
        lambda: workspace.export(document_id),
        lambda: workspace.read(document_id),
        lambda: workspace.pause(document_id),
        lambda: workspace.ratio_costs(document_id, "model"),
        lambda: workspace.page(document_id, 1),
        lambda: workspace.picture(document_id, 1),
        lambda: workspace.illustration(document_id, 0),
        lambda: workspace.cover(document_id),
        lambda: workspace.conversations_at(workspace.place(document_id)),
        lambda: workspace.conversation(conversation_id),
        lambda: workspace.remove_conversation(conversation_id),
        lambda: workspace.waiting(conversation_id),
        lambda: workspace.ask(document_id, "Who?"),
        lambda: workspace.ask(document_id, "Who?", conversation_id),
        lambda: workspace.prepare(document_id),
    ]


def test_nothing_of_anothers_can_be_seen_or_done_and_it_is_told_as_what_is_not_there(
    ann: Workspace, bob: Workspace, nobody: Workspace, store: Store, tmp_path: Path
) -> None:
    document_id = ann.add(write_pdf(tmp_path / "a.pdf", ["secret " + WORDS] * 2)).id
    conversation = store.conversations.add([document_id], "ann").id
    before = store.documents(), store.jobs.all()
    for stranger in (bob, nobody):
        assert (ids(stranger), stranger.count(), stranger.search("secret"), stranger.active()) == ([], 0, [], [])
        theirs, none = actions(stranger, document_id, conversation), actions(stranger, "0" * 64, "0" * 32)
        for act, act_on_nothing in zip(theirs, none, strict=True):
            with pytest.raises(NotFound) as of_theirs:
                act()
            with pytest.raises(NotFound) as of_nothing:
                act_on_nothing()
            told = str(of_theirs.value).replace(conversation, "0" * 32)
            assert told == str(of_nothing.value)
    assert (store.documents(), store.jobs.all()) == before
    assert ids(ann) == [document_id]
    assert len(ann.search("secret")) == 2


def test_of_too_many_pages_only_those_added_last_are_compared_whatever_others_have(
    ann: Workspace, bob: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.user_documents.MAX_RANKED_PAGES", 1)
    made = [ann.add(text_file(tmp_path, f"{name} lit the lamp.")).id for name in ("Ada", "Bea", "Cid")]
    for name in ("Dan", "Eve", "Fay"):
        bob.add(text_file(tmp_path, f"{name} lit the lamp."))
    assert {hit.document_id for hit in ann.search("lamp")} == set(made[1:])


def test_an_answer_of_anothers_is_not_followed_or_stopped(
    ann: Workspace, bob: Workspace, service: Service, store: Store, tmp_path: Path
) -> None:
    document_id = ann.add(text_file(tmp_path)).id
    conversation = store.conversations.add([document_id], "ann").id
    asked = service.answerer.ask("ann", document_id, conversation, "Who?", {})
    assert bob.stream(asked.id) is None
    assert list(bob.follow(asked.id)) == []
    bob.stop(asked.id)
    mine = ann.stream(asked.id)
    assert mine is not None
    assert not mine.stopped.is_set()


def test_a_conversation_about_one_document_does_not_open_another(ann: Workspace, store: Store, tmp_path: Path) -> None:
    one = ann.add(text_file(tmp_path)).id
    two = ann.add(text_file(tmp_path, "Two. " + WORDS)).id
    settings = {"model": "m", "ratio": 8}
    with store.writing("1" * 64, two, settings=settings, windows=1, tokens=1):
        store.database.read("SELECT 1")
    conversation = store.conversations.add([one], "ann").id
    with pytest.raises(ReaderError):
        ann.ask(two, "Who?", conversation)


def test_the_same_text_of_two_people_is_one_document_with_a_title_tags_and_pin_for_each(
    ann: Workspace, bob: Workspace, store: Store, tmp_path: Path
) -> None:
    document_id = ann.add(text_file(tmp_path)).id
    assert bob.add(text_file(tmp_path)).id == document_id
    assert len(store.documents()) == 1
    assert sorted(job.user for job in store.jobs.all()) == ["ann", "bob"]
    ann.rename(document_id, f"  Ann's \n {SCRIPT}")
    ann.tag(document_id, ["Law", " law ", "to  read", "", "Ünïcode"])
    ann.pin(document_id, True)
    mine, his = ann.get(document_id).holding, bob.get(document_id).holding
    assert (mine.document.title, mine.tags, mine.document.pinned) == (
        f"Ann's {SCRIPT}",
        ("Law", "to read", "Ünïcode"),
        True,
    )
    assert (his.document.title, his.tags, his.document.pinned) == ("a", (), False)
    assert store.documents()[0].pinned  # what anybody has pinned is kept
    assert [ids(ann, query) for query in ("LAW", "read ann", "ünï", "bob", "%", '"')] == [[document_id]] * 3 + [[]] * 3
    assert ids(bob, "law") == []
    other = ann.add(text_file(tmp_path, "Another text. ")).id
    ann.tag(other, ["LAW", "NLP"])  # one spelling of a tag: that of the other documents
    assert (ann.get(other).holding.tags, ann.tags()) == (("Law", "NLP"), ["Law", "NLP", "to read", "Ünïcode"])
    assert ann.place("tag:LAW").document_ids == [document_id, other]
    ann.tag(other, ["nlp"])  # the last document that has it may spell it anew
    assert ann.tags() == ["Law", "nlp", "to read", "Ünïcode"]
    ann.remove(other)
    bob.remove(document_id)
    assert (ids(bob), ids(ann)) == ([], [document_id])
    ann.rename(document_id, "")
    assert ann.get(document_id).holding.document.title == "a"
    ann.remove(document_id)
    assert store.documents() == []


def test_who_lets_a_document_go_takes_only_their_own_conversations(
    ann: Workspace, bob: Workspace, store: Store, tmp_path: Path
) -> None:
    document_id = ann.add(text_file(tmp_path)).id
    bob.add(text_file(tmp_path))
    for user in ("ann", "bob"):
        store.conversations.add([document_id], user)
    bob.remove(document_id)
    assert len(store.conversations.all("ann")) == 1
    assert store.conversations.all("bob") == []


def test_what_a_shell_has_read_is_the_local_users_and_stays_when_others_come_and_go(
    ann: Workspace, nobody: Workspace, store: Store, tmp_path: Path
) -> None:
    file = text_file(tmp_path)
    document_id = enqueue(load(file), JobSettings("m"), store).document_id
    assert (ids(nobody), ids(ann)) == ([document_id], [])
    ann.add(file)
    assert (ids(nobody), ids(ann)) == ([document_id], [document_id])
    ann.remove(document_id)
    assert (ids(nobody), ids(ann)) == ([document_id], [])
    nobody.pin(document_id, True)
    nobody.remove(document_id)
    assert store.documents() == []


def test_pinned_documents_come_first_and_those_being_read_are_listed_however_old(
    ann: Workspace, tmp_path: Path
) -> None:
    made = [ann.add(text_file(tmp_path, f"{number}. {WORDS}")).id for number in range(5)]
    ann.pin(made[2], True)
    assert ids(ann) == [made[2], made[4], made[3], made[1], made[0]]
    for number, title in enumerate(("Émile", "zoo", "Pinned", "éclair", "Ann")):
        ann.rename(made[number], title)
    titles = [shown.holding.document.title for shown in ann.documents(limit=9, order="title")]
    assert titles == ["Pinned", "Ann", "zoo", "éclair", "Émile"]
    ann.pause(made[0])
    listed = [shown.id for shown in ann.documents(limit=1, selected=made[0])]
    assert listed[0] == made[2]
    assert set(listed) == set(made)  # the others wait to be read


def test_a_document_that_waits_says_how_many_come_before_it_also_where_it_is_found_or_open(
    ann: Workspace, tmp_path: Path
) -> None:
    made = [ann.add(text_file(tmp_path, f"{number}. {WORDS}")).id for number in range(3)]
    ann.rename(made[2], "Third")
    assert [shown.before for shown in ann.documents(limit=9)] == [2, 1, 0]
    assert [shown.before for shown in ann.documents("third", limit=9)] == [2]
    assert [ann.get(document_id).before for document_id in made] == [0, 1, 2]


def test_a_library_of_one_has_no_room_for_the_memory_of_a_stranger_among_several(
    ann: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="several people share"):
        ann.take_in(tmp_path / "made-elsewhere.beacon")


def test_the_places_in_the_queue_are_those_in_which_documents_are_read(
    ann: Workspace, store: Store, tmp_path: Path
) -> None:
    long, longer, short = (
        ann.add(text_file(tmp_path, " ".join(f"{number}: {WORDS}" for number in range(count)))).id
        for count in (200, 400, 1)
    )
    assert ann.active() == [short, long, longer]
    assert store.jobs.claim(new_owner(), job_id=next(job.id for job in store.jobs.all(longer))) is not None
    assert ann.active() == [longer, short, long]
    assert [ann.get(one).before for one in (short, long)] == [1, 2]


# Originals and pages


def test_an_original_is_kept_shown_backed_up_rebuilt_and_removed_with_its_document(
    ann: Workspace, store: Store, tmp_path: Path
) -> None:
    file = write_pdf(tmp_path / "a.pdf", ["The keeper lit the lamp.", "The baker slept."])
    document_id = ann.add(file).id
    original = ann.get(document_id).holding.original
    assert original is not None
    kept = original_file(store.folder, original)
    assert kept.read_bytes() == file.read_bytes()
    cover = ann.cover(document_id)
    assert cover is not None
    assert cover == cover_file(store.folder, original).read_bytes()
    assert cover[:3] == ann.picture(document_id, 2)[:3] == b"\xff\xd8\xff"
    backup(store, tmp_path / "copy")
    assert original_file(tmp_path / "copy", original).read_bytes() == file.read_bytes()
    rebuild(tmp_path / "copy", force=True)
    with Store(tmp_path / "copy") as copy:
        assert original_file(copy.folder, original).exists()
    ann.remove(document_id)
    assert list((store.folder / "originals").iterdir()) == []


def test_what_a_kill_left_of_an_original_is_swept_and_strangers_files_stay(store: Store, tmp_path: Path) -> None:
    folder = store.folder / "originals"
    left = [folder / ("a" * 64 + ".pdf"), folder / ("a" * 64 + ".jpg"), folder / f".{'a' * 64}.pdf.00.tmp"]
    for path in (*left, folder / "notes.txt"):
        path.write_bytes(b"x")
    store.close()
    with Store(store.folder):
        assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_a_file_opened_with_a_password_is_not_kept(ann: Workspace, store: Store, tmp_path: Path) -> None:
    file = write_pdf(tmp_path / "a.pdf", ["The keeper lit the lamp."], password="lamp-oil-77")
    document_id = ann.add(file, password="lamp-oil-77").id
    assert list((store.folder / "originals").iterdir()) == []
    view = ann.page(document_id, 1)
    assert not view.is_drawn
    assert "lamp" in view.text


def test_a_quote_is_marked_where_it_stands_on_its_page(ann: Workspace, tmp_path: Path) -> None:
    document = ann.add(write_pdf(tmp_path / "a.pdf", ["The keeper lit the lamp.", "The baker slept until noon."]))
    start = document.text.index("slept until")
    view = ann.page(document.id, 2, start, start + len("slept until noon"))
    assert view.is_drawn
    (box,) = view.boxes
    (whole,) = ann.page(document.id, 2, document.pages[1].start, document.pages[1].end).boxes
    assert box.left > whole.left
    assert 0 < box.width < whole.width <= 1
    assert box.top == pytest.approx(whole.top, abs=0.02)
    (first, last) = view.marks[0]
    assert view.text[first:last] == "slept until noon"
    assert ann.page(document.id, 1, start, start + 5).marks == ()  # that is on another page


def test_a_page_that_cannot_be_drawn_is_shown_as_text(ann: Workspace, store: Store, tmp_path: Path) -> None:
    document = ann.add(write_pdf(tmp_path / "a.pdf", ["The keeper lit the lamp."]))
    original = ann.get(document.id).holding.original
    assert original is not None
    original_file(store.folder, original).write_bytes(b"%PDF-1.7 torn")
    view = ann.page(document.id, 1, 0, 10)
    assert not view.is_drawn
    assert "keeper" in view.text
    with pytest.raises(NotFound):
        ann.page(document.id, 2)
    with pytest.raises(NotFound):
        ann.page(document.id, 0)


def test_hostile_files_are_drawn_in_a_process_of_their_own(data_folder: Path) -> None:
    files = sorted((data_folder / "docs" / "pdf_hostile").glob("*.pdf"))[:12]
    assert files
    for file in files:
        with suppress(DocumentError):
            picture = draw(file, "pdf", 1, width_pixels=144)
            assert picture.jpeg[:3] == b"\xff\xd8\xff"
            assert picture.height_pixels <= 3 * 144


def test_a_document_made_in_python_has_no_original(store: Store, nobody: Workspace) -> None:
    document_id = enqueue(make_document(300), JobSettings("m"), store).document_id
    assert nobody.cover(document_id) is None
    with pytest.raises(NotFound):
        nobody.picture(document_id, 1)


# What two people share who have the same text: what was read from it, and nothing of each other's files


def test_a_text_of_the_same_words_gives_nothing_of_anothers_pdf(
    ann: Workspace, bob: Workspace, store: Store, tmp_path: Path
) -> None:
    secret = painted_pdf(tmp_path / "ann-divorce.pdf", RED, title="Ann against Bob", labels="/r")
    document_id = ann.add(secret).id
    ann.rename(document_id, "Ann's own title")
    assert bob.add(same_text(tmp_path / "b.txt")).id == document_id
    his = bob.get(document_id)
    assert (his.holding.document.title, his.holding.document.file_name) == ("b", "b.txt")
    assert (his.holding.document.format, his.holding.document.pages) == ("text", 1)
    assert (bob.cover(document_id), bob.page(document_id, 1).is_drawn, bob.page(document_id, 1).label) == (
        None,
        False,
        "1",
    )
    for page in (1, 2):
        with pytest.raises(NotFound):
            bob.picture(document_id, page)
    assert {hit.label for hit in bob.search("deposit")} == {"1"}
    assert [hit.label for hit in ann.search("deposit")] == ["ii"]
    bob.rename(document_id, "")
    assert bob.get(document_id).holding.document.title == "b"
    assert foot(ann.picture(document_id, 2)) == (True, False, False)
    ann.remove(document_id)
    assert list((store.folder / "originals").iterdir()) == []
    assert bob.cover(document_id) is None
    assert bob.page(document_id, 1).text == "".join(page.text for page in store.pages(document_id))


def test_each_of_two_people_is_shown_the_page_of_their_own_pdf(ann: Workspace, bob: Workspace, tmp_path: Path) -> None:
    document_id = bob.add(painted_pdf(tmp_path / "fake.pdf", BLUE)).id
    assert ann.add(painted_pdf(tmp_path / "true.pdf")).id == document_id
    assert foot(bob.picture(document_id, 1)) == (False, False, True)
    assert foot(ann.picture(document_id, 1)) == (True, True, True)
    assert foot(ann.cover(document_id) or b"") == (True, True, True)
    bob.remove(document_id)
    assert foot(ann.picture(document_id, 2)) == (True, True, True)


@pytest.mark.parametrize("first", ["bob", "ann"])
def test_a_text_that_was_added_first_makes_no_pdf_one_page(
    first: str, service: Service, store: Store, tmp_path: Path
) -> None:
    ann = Workspace(service, "ann")
    document_id = Workspace(service, first).add(same_text(tmp_path / "m.txt")).id
    contract = painted_pdf(tmp_path / "contract.pdf", title="Contract", labels="/r")
    assert ann.add(contract).id == document_id
    shown = ann.get(document_id).holding
    assert (shown.document.title, shown.document.pages, shown.document.format) == ("Contract", 2, "pdf")
    view = ann.page(document_id, 2)
    assert (view.label, view.is_drawn, view.text.strip()) == ("ii", True, TEXTS[1])
    assert [(hit.page, hit.label) for hit in ann.search("deposit")] == [(2, "ii")]
    assert ann.add(same_text(tmp_path / "m.txt")).id == document_id  # shows less than what is there
    assert ann.get(document_id).holding.document.pages == 2
    if first == "bob":
        assert Workspace(service, "bob").get(document_id).holding.document.pages == 1
    assert [page.number for page in store.pages(document_id)] == [1]  # as it was first added


def test_an_export_names_the_holders_own_file_and_holds_what_they_had_read(
    ann: Workspace, bob: Workspace, service: Service, store: Store, tiny_model: Model, tmp_path: Path
) -> None:
    service.model_name, service.model = "tiny", tiny_model
    document_id = ann.add(painted_pdf(tmp_path / "ann-divorce.pdf", title="Ann against Bob", labels="/r")).id
    bob.add(same_text(tmp_path / "b.txt"))
    ann.read(document_id, 4, "int8")
    run_all(store, tiny_model)
    content = bob.export(document_id).read_bytes()
    for word in (b"ann", b"Ann", b"divorce", b'"ii"', b"pdf", b"int8"):
        assert word not in content
    assert b'"file_name":"b.txt"' in content
    with Store(tmp_path / "elsewhere") as elsewhere:
        import_document(elsewhere, bob.export(document_id))
        assert elsewhere.documents()[0].title == "b"
    content = ann.export(document_id).read_bytes()
    assert b'"file_name":"ann-divorce.pdf"' in content
    assert b"int8" in content


def test_what_one_pauses_or_reads_again_is_read_for_the_other(
    ann: Workspace, bob: Workspace, service: Service, store: Store, tiny_model: Model, tmp_path: Path
) -> None:
    service.model_name, service.model = "tiny", tiny_model
    document_id = ann.add(text_file(tmp_path, WORDS * 20)).id
    bob.add(text_file(tmp_path, WORDS * 20))
    bob.pause(document_id)
    assert ann.get(document_id).state == "waiting"
    owner = new_owner()
    job = store.jobs.claim(owner)
    assert job is not None
    assert job.user == "ann"
    bob.read(document_id)
    assert store.jobs.claim(new_owner()) is None  # the same is not read twice at once
    bob.pause(document_id)
    assert store.jobs.get(job.id).wanted is None
    run(job, tiny_model, store, owner)
    asked = ann.get(document_id).memory
    assert asked is not None
    assert asked.state == "ready"
    bob.read(document_id, 32, "int8")
    run_all(store, tiny_model)
    assert len(store.memories(document_id)) == 2
    assert ann.get(document_id).memory == replace(asked, last_used_at=ann.get(document_id).memory.last_used_at)  # type: ignore[union-attr]
    assert bob.get(document_id).memory.settings["ratio"] == 32  # type: ignore[union-attr]
    assert bob.active() == ann.active() == []
    bob.remove(document_id)
    assert {job.user for job in store.jobs.all()} == {"ann"}


def test_an_answer_names_the_pages_of_the_asker_though_both_ask_one_memory(
    ann: Workspace, bob: Workspace, service: Service, store: Store, tiny_model: Model, tmp_path: Path
) -> None:
    service.model_name, service.model = "tiny", tiny_model
    document_id = ann.add(painted_pdf(tmp_path / "a.pdf", labels="/r")).id
    bob.add(same_text(tmp_path / "b.txt"))
    run_all(store, tiny_model)
    assert len(store.memories()) == 1
    for _ in range(2):
        for user, pages, labels in (("ann", 2, {"i", "ii"}), ("bob", 1, {"1"})):
            record = store.conversations.add([document_id], user)
            *_, last = service.answer(record, "When is the deposit due?", look_again=100)
            assert last.answer is not None
            assert (last.answer.pages, len(last.answer.reading_map)) == (pages, pages)
            assert {place.label for place in (*last.answer.evidence, *last.answer.looked_again)} <= labels
    assert len({id(attached.memory) for attached in service._attached.values()}) == 1  # held once for both


def test_a_document_that_its_owner_removed_while_it_was_claimed_does_not_come_back(
    ann: Workspace, nobody: Workspace, store: Store, tiny_model: Model, tmp_path: Path
) -> None:
    from reader.reading import read, stored_document

    document_id = ann.add(text_file(tmp_path)).id
    document = stored_document(store, document_id, "ann")
    ann.remove(document_id)
    with pytest.raises(NotFound):
        read(document, tiny_model, store, is_stored=True)
    assert (store.documents(), ids(nobody)) == ([], [])


def test_a_title_given_in_the_app_is_the_title_everywhere_of_the_local_user(service: Service, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("The lamp was lit by the keeper. " * 30)
    local, ann = Workspace(service), Workspace(service, "ann")
    document = local.add(tmp_path / "one.txt")
    ann.add(tmp_path / "one.txt")
    local.rename(document.id, "The lamp")
    ann.rename(document.id, "Ann's own")
    store = service.store
    assert store.document("The lamp").id == store.document("one").id == document.id
    assert [one.title for one in store.documents()] == ["The lamp"]
    assert [hit.title for hit in store.search("keeper")] == ["The lamp"]
    assert ann.get(document.id).holding.document.title == "Ann's own"
    with pytest.raises(NotFound):
        store.document("Ann's own")


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_a_character_is_refused_wherever_a_person_writes(ann: Workspace, tmp_path: Path, text: str) -> None:
    document_id = ann.add(text_file(tmp_path)).id
    for act in (
        lambda: ann.search(text),
        lambda: ann.documents(text, limit=9),
        lambda: ann.rename(document_id, text),
        lambda: ann.tag(document_id, ["x", text]),
        lambda: ann.page(document_id, 1, find=text),
    ):
        with pytest.raises(ConfigError, match="half a character"):
            act()


ABSURD = [10**30, -1, 0, 2, 1e300, float("inf"), float("nan"), "x", None, [], {}, "1" * 10_000]


@pytest.mark.parametrize("number", ABSURD, ids=lambda number: repr(number)[:12])
def test_a_page_of_an_absurd_number_is_refused_in_a_sentence(ann: Workspace, tmp_path: Path, number: object) -> None:
    document_id = ann.add(text_file(tmp_path)).id
    with pytest.raises((NotFound, ConfigError), match=r"has no page|not a number") as refused:
        ann.page(document_id, number)  # type: ignore[arg-type]
    assert len(str(refused.value)) < 200
    if number not in (-1, 0, 2, 10**30, 1e300):
        with pytest.raises(ConfigError, match="not a number"):
            ann.page(document_id, 1, number, number)  # type: ignore[arg-type]
    else:
        assert ann.page(document_id, 1, int(number), int(number)).marks in ((), ((0, 2),))  # type: ignore[call-overload]


def test_the_kept_original_of_an_older_parser_is_parsed_again_beside_the_old_text(
    ann: Workspace, bob: Workspace, store: Store, tmp_path: Path
) -> None:
    file = write_pdf(tmp_path / "paper.pdf", [TEXTS[0]])
    current = ann.add(file)
    assert not ann.get(current.id).is_outdated
    with store.database.transaction() as db:
        db.execute("UPDATE documents SET parser_version = NULL")
    assert ann.get(current.id).is_outdated
    assert ann.parse_again(current.id).id == current.id  # today's parser gives the same text
    assert not ann.get(current.id).is_outdated

    old = replace(make_document(60), file_name="paper.pdf", format="pdf", parser_version=None)

    def hold(db, stored) -> None:
        original = keep_original(store.folder, old.id, file, None)
        store.user_documents.hold(db, "ann", stored, original)

    add_document(old, store, hold)
    ann.rename(old.id, "My paper")
    again = ann.parse_again(old.id)
    assert (again.id, again.file_name, again.title) == (current.id, "paper.pdf", current.title)
    assert ann.get(old.id).is_outdated  # it stays as it is
    assert ann.get(old.id).holding.document.title == "My paper"
    plain = bob.add(text_file(tmp_path))
    with pytest.raises(NotFound, match="add the file again"):
        bob.parse_again(plain.id)


def test_the_details_say_quietly_that_a_newer_parser_can_read_it(ann: Workspace, store: Store, tmp_path: Path) -> None:
    from reader.app.page.html import newer_parser

    document_id = ann.add(text_file(tmp_path)).id
    assert newer_parser(ann.get(document_id)) == ""
    with store.database.transaction() as db:
        db.execute("UPDATE documents SET parser_version = ?", (PARSER_VERSIONS["text"] - 1,))
    assert "Add its file again" in newer_parser(ann.get(document_id))
