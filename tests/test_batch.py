"""Batches: the answers of `ask`, many at a time; each question once, whatever happens to the file or the process."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import torch
from filelock import FileLock
from helpers.decoders import every_family, randomise_plugin
from helpers.documents import FACT, QUESTION_ABOUT_FACT, hide, make_document

from reader.answering import Answer, ask, attach, attach_shelf
from reader.answering.evidence import Evidence
from reader.app.batch_runs import Asked, BatchRuns
from reader.batching import BatchProgress, LocalEngine, answer_together, batch
from reader.batching.questions import BatchQuestion, load_questions
from reader.batching.results import Result, Results
from reader.errors import ConfigError, ContextOverflow
from reader.models.model import Model
from reader.reading import add_document
from reader.reading.loop import read
from reader.wording import place_in_column
from storage import Store, StoreBusy

QUESTIONS = [
    "Who?",
    "When was the lamp lit, and what did the baker say about it in the morning?",
    "What happened on page 3?",
    "Why?",
    "Where did the keeper walk to at 19:45, and what did he write in the book before that?",
    "What is the letter about?",
    "Which harbour?",
]


@pytest.fixture(autouse=True)
def _short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reader.answering.decoding.MAX_ANSWER_TOKENS", 24)


@pytest.fixture
def engine(tiny_model: Model) -> LocalEngine:
    return LocalEngine(tiny_model, batch_size=4)


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def results(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def library(tiny_model: Model, store: Store) -> list[str]:
    """The titles of three documents that are read."""
    titles = ["First", "Second", "Third"]
    for number, title in enumerate(titles):
        read(make_document(100 + 90 * number, title), tiny_model, store)
    return titles


@pytest.fixture
def questions(tmp_path: Path, library: list[str]) -> Path:
    """Twelve questions, those about one document not one after another."""
    rows = [
        {"custom_id": f"q{number}", "document": library[number % 3], "question": QUESTIONS[number % 7] + f" ({number})"}
        for number in range(12)
    ]
    return write_lines(tmp_path / "questions.jsonl", rows)


def one_by_one(attached: Any, question: str, model: Model, **options: Any) -> Answer:
    answer = list(ask(attached, question, model, **options))[-1].answer
    assert answer is not None
    return answer


@pytest.mark.parametrize(("look_again", "horizon"), [("off", None), (120, None), (120, 1)])
@every_family
def test_answers_together_are_those_one_by_one(
    model: Model, store: Store, look_again: str | int, horizon: int | None
) -> None:
    vars(model)["passage_horizon"] = horizon
    randomise_plugin(model)
    attached = attach(read(make_document(150), model, store).memory, model, store)
    before = {name: tensor.clone() for name, tensor in attached.memory.tensors().items()}
    questions = QUESTIONS if model.decoder.model.config.num_hidden_layers < 5 else QUESTIONS[:2]
    together = dict(answer_together(attached, questions, model, look_again=look_again, batch_size=3))
    assert sorted(together) == list(range(len(questions)))
    for name, tensor in attached.memory.tensors().items():
        assert torch.equal(tensor, before[name])
    for number, question in enumerate(questions):
        alone, answer = one_by_one(attached, question, model, look_again=look_again), together[number]
        assert isinstance(answer, Answer)
        assert (answer.text, answer.answer_tokens, answer.ended) == (alone.text, alone.answer_tokens, alone.ended)
        assert (answer.looked_again, answer.recomputed_tokens) == (alone.looked_again, alone.recomputed_tokens)
        assert [found.page for found in answer.evidence] == [found.page for found in alone.evidence]
        torch.testing.assert_close(torch.tensor(answer.reading_map), torch.tensor(alone.reading_map), rtol=0, atol=1e-4)
    assert bool(together[0].recomputed_tokens) == (look_again != "off")  # type: ignore[union-attr]


def test_one_question_too_long_is_its_own_error_only(tiny_model: Model, store: Store) -> None:
    attached = attach(read(make_document(100), tiny_model, store).memory, tiny_model, store)
    together = dict(answer_together(attached, ["Who?", "Who? " * 2000, "When?"], tiny_model, batch_size=2))
    assert isinstance(together[1], ContextOverflow)
    for number, question in ((0, "Who?"), (2, "When?")):
        answer = together[number]
        assert isinstance(answer, Answer)
        assert answer.text == one_by_one(attached, question, tiny_model).text


def test_each_question_has_one_result_with_its_evidence(
    questions: Path, store: Store, engine: LocalEngine, tiny_model: Model, tmp_path: Path
) -> None:
    seen: list[BatchProgress] = []
    summary = batch(questions, tmp_path / "out.jsonl", store, engine, progress=seen.append)
    assert (summary.questions, summary.answered, summary.errors) == (12, 12, 0)
    assert [now.done for now in seen][-1] == 12
    rows = {row["custom_id"]: row for row in results(tmp_path / "out.jsonl")}
    assert len(rows) == len(results(tmp_path / "out.jsonl")) == 12
    for line in results(questions):
        row = rows[line["custom_id"]]
        document = store.document(line["document"])
        (memory,) = store.memories(document.id)
        alone = one_by_one(attach(memory, tiny_model, store), line["question"], tiny_model)
        assert (row["answer"], row["document_id"]) == (alone.text, document.id)
        assert row["recomputed_tokens"] == 0
        text = store.text(document.id)
        assert row["evidence"]
        assert all(text[found["start_char"] : found["end_char"]] == found["quote"] for found in row["evidence"])


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_whatever_is_left_of_the_output_is_gone_on_with(
    questions: Path, store: Store, engine: LocalEngine, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / f"out.{suffix}"
    batch(questions, output, store, engine)
    whole = output.read_bytes()

    def rows() -> list[str]:
        with output.open(newline="") as file:
            return list(map(repr, csv.reader(file))) if suffix == "csv" else list(file)

    expected = rows()
    random_cut = random.Random(3)
    for cut in [0, 1, 9, len(whole) - 1, *(random_cut.randrange(len(whole)) for _ in range(3))]:
        output.write_bytes(whole[:cut])
        batch(questions, output, store, engine)
        assert rows() == expected
    assert batch(questions, output, store, engine).answered == 0
    assert rows() == expected


def test_everything_wrong_is_told_before_anything_runs(
    tmp_path: Path, library: list[str], store: Store, engine: LocalEngine
) -> None:
    lines = [
        json.dumps({"custom_id": "a", "document": "First", "question": "Who?"}),
        "",
        "{no json",
        json.dumps({"custom_id": "a", "document": "First", "question": "Who else?"}),
        json.dumps({"custom_id": "b", "document": "Fourth", "question": "Who?"}),
        json.dumps({"custom_id": "c", "document": "First"}),
        json.dumps({"custom_id": "d", "document": str(tmp_path / "broken.pdf"), "question": "Who?"}),
        json.dumps(["e"]),
        json.dumps({"document": "First", "question": "Who?"}),
        json.dumps({"custom_id": "f", "document": 3, "question": "Who?"}),
        json.dumps({"custom_id": "g", "url": "/v1/embeddings", "document": "First", "body": {"input": "x"}}),
        json.dumps({"custom_id": "h", "document": "First", "question": "   "}),
    ]
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    questions = tmp_path / "questions.jsonl"
    questions.write_text("\n".join(lines))
    with pytest.raises(ConfigError) as refused:
        batch(questions, tmp_path / "out.jsonl", store, engine)
    told = str(refused.value).splitlines()[1:]
    assert [line.split(":")[0] for line in told] == [f"Line {number}" for number in (3, 4, 5, 6, 7, 8, 9, 10, 11, 12)]
    for line, words in zip(
        told,
        ("JSON", "line 1", "Fourth", "question", "broken", "object", "custom_id", "3", "embed", "empty"),
        strict=True,
    ):
        assert words in line
    assert not (tmp_path / "out.jsonl").read_bytes()
    assert len(store.documents()) == 3


def test_what_is_wrong_with_many_lines_is_told_once(tmp_path: Path, store: Store, engine: LocalEngine) -> None:
    questions = tmp_path / "questions.csv"
    questions.write_text("document,question\n" + "Missing,Who?\n" * 7 + "Gone,Who?\n")
    with pytest.raises(ConfigError) as refused:
        batch(questions, tmp_path / "out.csv", store, engine)
    told = str(refused.value).splitlines()[1:]
    assert told[0].startswith("Lines 2, 3, 4, 5, 6 and 2 more: There is no document 'Missing'")
    assert told[1].startswith("Line 9: There is no document 'Gone'")


def test_openai_batches_and_spreadsheets_are_understood(
    tmp_path: Path, library: list[str], store: Store, engine: LocalEngine
) -> None:
    def request(custom_id: str, content: object, **more: object) -> dict[str, Any]:
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]
        body = {"model": "any", "messages": messages, **more}
        return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}

    openai = write_lines(
        tmp_path / "openai.jsonl",
        [
            request("a", "Who?", metadata={"document": "Second"}),
            {**request("b", [{"type": "text", "text": "Who?"}]), "document": "Second"},
            request("c", "Who?"),
        ],
    )
    sheet = tmp_path / "sheet.csv"
    sheet.write_text('\ufeffquestion;custom_id;document\r\n"Who?";a;Second\r\nWho?;b;Second\r\n\r\nWho?;c;First\r\n')
    batch(openai, tmp_path / "openai.out.jsonl", store, engine, document="First")
    batch(sheet, tmp_path / "sheet.out.csv", store, engine)
    rows = {row["custom_id"]: row for row in results(tmp_path / "openai.out.jsonl")}
    with (tmp_path / "sheet.out.csv").open(newline="", encoding="utf-8-sig") as file:
        cells = {row["custom_id"]: row for row in csv.DictReader(file, delimiter=";")}
    assert [rows[name]["document_id"] for name in "abc"] == [
        store.document(t).id for t in ("Second", "Second", "First")
    ]
    assert rows["a"]["answer"] == rows["b"]["answer"] != rows["c"]["answer"]
    for name in "abc":
        assert cells[name]["answer"].lstrip("'") == rows[name]["answer"].lstrip("'")
        assert cells[name]["document_id"] == rows[name]["document_id"]
        assert cells[name]["pages"] == "; ".join(
            place_in_column(found["label"], found["page"]) for found in rows[name]["evidence"]
        )


FIELD = Path(__file__).parent / "fixtures" / "field" / "28-batch-spreadsheets-refused"


@pytest.mark.parametrize(
    ("name", "questions", "line"),
    [
        ("sep.csv", ["Who was the captain?"], 3),
        ("array.json", ["Who was the captain?", "What did it carry?"], 2),
        ("cp1252.csv", ["Où était le phare ?"], 2),
        ("bom_semi.csv", ["Who was the captain?", "What did the repair\ncost?", "Qui était le gardien du phare ?"], 2),
    ],
)
def test_what_spreadsheets_save_is_read(name: str, questions: list[str], line: int) -> None:
    asked, problems = load_questions(FIELD / name)
    assert not problems
    assert [one.question.replace("\r\n", "\n") for one in asked] == questions
    assert asked[0].line == line
    assert asked[-1].custom_id in ("1", "2", "007")


def test_a_workbook_is_read_or_refused_as_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"q\.xlsx' is a spreadsheet .*; save it as CSV\.$"):
        load_questions(FIELD / "q.xlsx")
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["custom_id", "document", "question"], [7, "Book", "Who?\nWhen?"], [], ["b", "Book", "Wo?"]):
        sheet.append(row)
    book.save(tmp_path / "q.xlsx")
    asked, problems = load_questions(tmp_path / "q.xlsx")
    assert not problems
    assert [(one.custom_id, one.question) for one in asked] == [("7", "Who?\nWhen?"), ("b", "Wo?")]
    (tmp_path / "q.tsv").write_text("custom_id\tdocument\tquestion\n1\tBook\tWho, and when?\n")
    assert load_questions(tmp_path / "q.tsv")[0][0].question == "Who, and when?"
    (tmp_path / "q.json").write_text('[{"custom_id": 1, "document": "B", "question": "Who?"},\n 5, {"custom_id": 2}, {')
    asked, problems = load_questions(tmp_path / "q.json")
    assert [one.question for one in asked] == ["Who?"]
    assert [line for line, _ in problems] == [2, 2, 2]


def test_results_open_in_the_spreadsheet_that_asked(
    tmp_path: Path, library: list[str], store: Store, engine: LocalEngine
) -> None:
    sheet, output = tmp_path / "q.csv", tmp_path / "out.csv"
    sheet.write_bytes(
        "sep=;\r\ncustom_id;document;question\r\n=1;First;Où était-il ?\r\n-2;Second;+Who?\r\n".encode("cp1252")
    )
    batch(sheet, output, store, engine)
    content = output.read_bytes()
    assert content.startswith("\ufeffcustom_id;document;".encode())
    rows = list(csv.DictReader(output.read_text(encoding="utf-8-sig").splitlines(), delimiter=";"))
    assert {(row["custom_id"], row["question"]) for row in rows} == {("'=1", "Où était-il ?"), ("'-2", "'+Who?")}
    assert batch(sheet, output, store, engine).answered == 0
    assert output.read_bytes() == content


def test_a_file_is_read_into_the_library_once(tmp_path: Path, store: Store, engine: LocalEngine) -> None:
    book = tmp_path / "book.txt"
    book.write_text(make_document(120).text)
    questions = write_lines(
        tmp_path / "q.jsonl", [{"custom_id": n, "document": str(book), "question": f"Who is {n}?"} for n in range(3)]
    )
    batch(questions, tmp_path / "out.jsonl", store, engine)
    (document,) = store.documents()
    (memory,) = store.memories(document.id)
    batch(questions, tmp_path / "other.jsonl", store, engine)
    assert [record.key for record in store.memories()] == [memory.key]
    assert results(tmp_path / "out.jsonl") == results(tmp_path / "other.jsonl")


def test_errors_are_kept_and_asked_again_on_demand(
    tmp_path: Path, library: list[str], store: Store, tiny_model: Model, engine: LocalEngine
) -> None:
    rows = [{"custom_id": str(n), "document": title, "question": "Who?"} for n, title in enumerate(library)]
    questions, output = write_lines(tmp_path / "q.jsonl", rows), tmp_path / "out.jsonl"
    (memory,) = store.memories(store.document("Second").id)
    file = store.folder / "memories" / memory.key / "memory.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    summary = batch(questions, output, store, engine)
    assert (summary.answered, summary.errors) == (3, 1)
    failed = {row["custom_id"]: row.get("error") for row in results(output)}
    assert "again" in failed["1"]
    assert failed["0"] is failed["2"] is None
    assert batch(questions, output, store, engine).answered == 0
    file.write_bytes(content)
    summary = batch(questions, output, store, engine, retry_errors=True)
    assert (summary.answered, summary.errors) == (1, 0)
    assert [row["custom_id"] for row in results(output)] == ["0", "1", "2"]


def test_output_of_others_is_left_alone(questions: Path, store: Store, engine: LocalEngine, tmp_path: Path) -> None:
    for name, content in (
        ("notes.txt", "My notes"),
        ("a.jsonl", '{"a": 1}\n'),
        ("b.csv", "a,b\r\n1,2\r\n"),
        ("c.jsonl", "x\n{"),
    ):
        output = tmp_path / name
        output.write_text(content, newline="")
        with pytest.raises(ConfigError, match="choose another output"):
            batch(questions, output, store, engine)
        assert output.read_bytes() == content.encode()
    with pytest.raises(ConfigError, match="choose another output"):
        batch(questions, questions, store, engine)
    output = tmp_path / "out.jsonl"
    batch(questions, output, store, engine)
    changed = [row | {"question": "Another one?"} if row["custom_id"] == "q5" else row for row in results(questions)]
    with pytest.raises(ConfigError, match=r"Line 6.*another question"):
        batch(write_lines(tmp_path / "changed.jsonl", changed), output, store, engine)


def test_one_output_has_one_writer(questions: Path, store: Store, engine: LocalEngine, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    with FileLock(f"{output}.lock"), pytest.raises(StoreBusy, match="Another process"):
        batch(questions, output, store, engine)
    batch(questions, output, store, engine)
    assert sorted(path.name for path in tmp_path.glob("out.jsonl*")) == ["out.jsonl"]


SIGNS = ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "'=1", "''+1")


@pytest.mark.parametrize("text", SIGNS)
def test_a_table_of_the_page_has_no_formula(text: str, store: Store) -> None:
    runs = BatchRuns(store, lambda: None)
    table = runs.as_csv(runs.add("", "a table", [Asked("1", "a document", text)]), {})
    assert [row[2] for row in csv.reader(io.StringIO(table, newline=""))] == ["question", f"'{text}"]


@pytest.mark.parametrize("text", SIGNS)
def test_no_cell_of_strangers_words_is_a_formula_and_each_is_read_back_as_it_was(text: str, tmp_path: Path) -> None:
    question = BatchQuestion(text, text, text, 1)
    answer = Answer(text, "Is it?", 9547, 0, 0.25, 0.5, 2, 1.0, 10, 10, "finished")
    answer = replace(answer, evidence=(Evidence("d", 1, text, 0, 1, 1.0, text),))
    asked = [Result(question, text, answer), Result(replace(question, custom_id=f"{text}2"), text, None, text)]
    for result in asked:
        with Results(tmp_path / "out.csv") as results:
            results.append(result)
    table = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_bytes().decode("utf-8-sig"), newline="")))
    for row in table:
        for name, cell in row.items():
            # Pages are named in the reader's own words, a label that is no page number in curly quotes. Spreadsheets take a cell
            # for a formula by its first character (= + - @, also full-width), and no CSV import strips curly quotes as it does
            # straight ones: the cell begins with a quote and is text. Only this column may begin so.
            safe = "'“" if name == "pages" else "'"
            assert not cell or cell[0] in safe or cell[0].isalnum(), f"{name}: {cell!r}"
    assert [row["error"] for row in table] == ["", f"'{text}"]
    content = (tmp_path / "out.csv").read_bytes()
    with Results(tmp_path / "out.csv") as results:
        for result in asked:
            assert results.question_of(result.question.custom_id) == text
        results.drop(["nothing"])  # writes the others anew
    assert (tmp_path / "out.csv").read_bytes() == content


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_results_end_in_the_order_of_their_questions_behind_those_of_others(tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out.{suffix}"
    with Results(output) as results:
        for name in ("other", "c", "a", "=b"):
            results.append(Result(BatchQuestion(name, "One", f"{name}?", 1), "id", None, "No."))
        results.put_in_order(["a", "=b", "not answered", "c"])
        results.append(Result(BatchQuestion("d", "One", "d?", 1), "id", None, "No."))
    lines = output.read_text(encoding="utf-8-sig").splitlines()[suffix == "csv" :]
    found = [line.partition(",")[0] if suffix == "csv" else json.loads(line)["custom_id"] for line in lines]
    assert found == ["other", "a", "'=b" if suffix == "csv" else "=b", "c", "d"]


BROKEN = {
    "deep": ("[" * 200_000, "nested too deeply"),
    "deep in a field": ('{"custom_id": ' + "[" * 200_000, "nested too deeply"),
    "half an id": ('{"custom_id": "\\ud800", "document": "First", "question": "Who?"}', "half a character"),
    "half a question": ('{"custom_id": "b", "document": "First", "question": "How \\ud800?"}', "half a character"),
    "half a document": ('{"custom_id": "b", "document": "\\udfff", "question": "Who?"}', "half a character"),
    "a long name": (json.dumps({"custom_id": "b", "document": "n" * 4_000, "question": "Who?"}), "no document"),
    "a longer name": (json.dumps({"custom_id": "b", "document": "n" * 5_000, "question": "Who?"}), "5,000 characters"),
    "no name": (json.dumps({"custom_id": "b", "document": "a\0b", "question": "Who?"}), "no document"),
    "another's home": (json.dumps({"custom_id": "b", "document": "~nobody at all/x", "question": "?"}), "no document"),
    "a name twice": (
        '{"custom_id": "b", "custom_id": "c", "document": "First", "question": "Who?"}',
        "'custom_id' twice",
    ),
    "a name twice within": ('{"custom_id": "b", "body": {"a": 1, "a": 2}}', "'a' twice"),
    "a long question": (json.dumps({"custom_id": "b", "document": "First", "question": "x" * 200_000}), "200,000 char"),
    "two on a line": ('{"custom_id": "b", "document": "First", "question": "Who?"} {}', "Something follows"),
    "a long number": ('{"custom_id": ' + "9" * 5_000 + "}", "JSON"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("shape", ["lines", "array"])
def test_a_line_of_any_kind_that_cannot_be_asked_is_told_with_its_number(
    tmp_path: Path, library: list[str], store: Store, engine: LocalEngine, kind: str, shape: str
) -> None:
    good = json.dumps({"custom_id": "a", "document": "First", "question": "Who?"})
    broken, words = BROKEN[kind]
    if shape == "array" and kind == "two on a line":
        pytest.skip("in an array that is two elements")
    questions = tmp_path / "questions.json"
    questions.write_text(f"{good}\n{broken}\n" if shape == "lines" else f"[{good},\n{broken}]")
    with pytest.raises(ConfigError, match="1 line of it cannot be asked") as refused:
        batch(questions, tmp_path / "out.jsonl", store, engine)
    (told,) = str(refused.value).splitlines()[1:]
    assert told.startswith("Line 2: ")
    assert words in told
    assert not (tmp_path / "out.jsonl").read_bytes()


def test_a_huge_cell_is_told_by_line_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(
        f"custom_id,document,question\na,First,Who?\nb,First,{'x' * 200_000}\nc,First,Who?\n"
    )
    questions, problems = load_questions(tmp_path / "q.csv")
    assert [question.custom_id for question in questions] == ["a", "c"]
    assert problems == [(3, "Its question has 200,000 characters; 100,000 are the most.")]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("custom_id,document,question,question\na,First,Who?,When?\n")
    with pytest.raises(ConfigError, match="two columns 'question'"):
        load_questions(tmp_path / "q.csv")


@pytest.mark.parametrize("name", ["q.jsonl", "q.csv"])
def test_a_line_of_a_hundred_megabytes_is_told_in_seconds(tmp_path: Path, name: str) -> None:
    text = "x" * 100_000_000
    with (tmp_path / name).open("w") as file:
        file.write("custom_id,document,question\n" if name == "q.csv" else "")
        row = {"custom_id": "a", "document": "First", "question": text}
        file.write(",".join(row.values()) if name == "q.csv" else json.dumps(row))
    questions, problems = load_questions(tmp_path / name)
    assert not questions
    assert [problem for _, problem in problems] == ["Its question has 100,000,000 characters; 100,000 are the most."]


@pytest.mark.parametrize("ratio", [16, 4], ids=["all fit", "the question chooses"])
def test_the_documents_of_a_shelf_are_asked_together(
    tmp_path: Path, store: Store, tiny_model: Model, ratio: int
) -> None:
    facts = {"Cats": FACT, "Kings": "King Osric buried the crown under an elm.", "Sailors": "Ambrose lost a whistle."}
    records = [
        read(hide(fact, pages=8 if ratio == 4 else 3, page=2, title=title), tiny_model, store, ratio=ratio).memory
        for title, fact in facts.items()
    ]
    shelves = {"tales": [record.document_id for record in records]}
    asked = {"a": QUESTION_ABOUT_FACT, "b": "Where is King Osric's crown?"}
    rows = [{"custom_id": name, "document": "tales", "question": question} for name, question in asked.items()]
    path = write_lines(tmp_path / "shelf.jsonl", rows)
    batch(path, tmp_path / "out.jsonl", store, LocalEngine(tiny_model, look_again="auto"), shelves=shelves)
    answers = {row["custom_id"]: row for row in results(tmp_path / "out.jsonl")}
    for name, question in asked.items():
        attached = attach_shelf(records, tiny_model, store, question)
        assert bool(attached.left_out) == (ratio == 4)
        assert answers[name]["document_id"] == "tales"
        alone = one_by_one(attached, question, tiny_model, look_again="auto")
        assert answers[name]["answer"] == alone.text
        assert [item["document_id"] for item in answers[name]["evidence"]] == [
            item.document_id for item in alone.evidence
        ]


def test_a_shelf_of_which_nothing_is_read_is_an_error_for_its_questions(
    tmp_path: Path, store: Store, engine: LocalEngine
) -> None:
    documents = [make_document(words, "A document") for words in (60, 90)]
    for document in documents:
        add_document(document, store)
    ids = [document.id for document in documents]
    path = write_lines(tmp_path / "q.jsonl", [{"custom_id": "a", "document": "tales", "question": "Who?"}])
    assert batch(path, tmp_path / "out.jsonl", store, engine, shelves={"tales": ids}).errors == 1
    assert "'tales' is read yet" in results(tmp_path / "out.jsonl")[0]["error"]
    with pytest.raises(ConfigError, match="Line 1"):
        batch(path, tmp_path / "other.jsonl", store, engine, shelves={"tales": ["0" * 64]})
