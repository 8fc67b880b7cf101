"""Title pages: the author is not confused with whoever translated, edited, illustrated or introduced the book."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import one_page

from reader.answering.extractive.bylines import byline
from reader.answering.extractive.overview import overview
from reader.answering.extractive.title_pages import credited, named_alone
from reader.answering.passages import Source
from reader.answering.refusal import NOT_SAID
from reader.answering.requests import understand
from reader.models import Model
from storage import PageRecord, Store

TITLE_PAGE = """\
THE MILLS OF WENDLE

A Chronicle

BY

ADA OKE, M.A.
AND
R. S. FENN.

Translated from the Dutch of
HANS VAN RIPPER
by Nell Varley

With an Introduction
by
TOBIAS QUILL

ILLUSTRATED BY INES ODUYA

EDITED, WITH NOTES, BY THE REV. JONAS REED

COPYRIGHT, 1912, BY HARROW & SONS

Printed in Wenlow by Alder Brothers

INTRODUCTION

The mills were built by Harcourt in the year of the flood, and they were sold by
Mara Fell
"""
CREDITS = {
    "author": "ADA OKE, M.A. AND R. S. FENN",
    "translator": "Nell Varley",
    "introduction": "TOBIAS QUILL",
    "illustrator": "INES ODUYA",
    "editor": "THE REV. JONAS REED",
}


@pytest.mark.parametrize(("role", "names"), CREDITS.items())
def test_a_credit_names_who_has_a_role(role: str, names: str) -> None:
    found = credited(role, TITLE_PAGE)
    assert found is not None
    assert found[0] == names
    assert TITLE_PAGE[found[1] : found[2]].split()[-1].startswith(names.split()[-1])


@pytest.mark.parametrize(
    ("front", "author"),
    [
        ("Title: The Mills\nAuthor: Ada Oke\nTranslator: Nell Varley\n", "Ada Oke"),
        ("The Mills of Wendle by Ada Oke\n\nOne morning", "Ada Oke"),
        ("THE MILLS\nWITH A MAP OF WENDLE\n\nBY A. OKE FENN\n", "A. OKE FENN"),
        ("THE MILLS\n\nA NEW TRANSLATION\nBY NELL VARLEY\n\nWITH AN INTRODUCTION BY TOBIAS QUILL\n", None),
        ("THE MILLS\n\nBY THE AUTHOR OF “DYKES”\n", None),
        ("BY ORDER OF THE BOARD\n\nThe gate is shut at ten.\n", None),
        ("THE MILLS\n\nCONTENTS\n\nThe Dyke, by Ada Oke\nThe Flood, by Nell Varley\n", None),
        ("THE MILLS\n\nBOOKS BY ADA OKE\n\nThe Dykes\n", None),
        ("WORKS BY ADA OKE\n\nThe Dykes\n\nTHE MILLS\n\nBY\n\nADA OKE\n\nWENLOW\n", "ADA OKE"),
        ("The gate at the end of the long lane behind the church was opened\nby Mara Fell\n", None),
        ("The Dyke, by Ada Oke\n\nThe Flood, by Nell Varley\n\nThe Mill, by Tobias Quill\n", None),
    ],
)
def test_others_who_did_something_are_no_authors(front: str, author: str | None) -> None:
    found = credited("author", front)
    assert (found and found[0]) == author


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Who wrote this book?", CREDITS["author"]),
        ("Who are the authors?", CREDITS["author"]),
        ("Who wrote the introduction?", CREDITS["introduction"]),
        ("Who wrote the preface to this book?", CREDITS["introduction"]),
        ("Who translated it?", CREDITS["translator"]),
        ("Who is the translator?", CREDITS["translator"]),
        ("Who edited the book?", CREDITS["editor"]),
        ("Who drew the pictures?", CREDITS["illustrator"]),
    ],
)
def test_questions_for_a_role_are_answered_by_its_credit(
    question: str, names: str, tiny_model: Model, store: Store
) -> None:
    answer = answered(attached_to(one_page(TITLE_PAGE, "The mills"), tiny_model, store), tiny_model, question)
    assert answer.text == names
    assert names.split()[0] in answer.evidence[0].quote


def test_no_credit_overrides_the_file_s_properties(tiny_model: Model, store: Store) -> None:
    document = replace(one_page("POEMS\n\nBY MARA FELL\n\nThe gate is old.\n", "Poems"), authors=("Ada Oke",))
    answer = answered(attached_to(document, tiny_model, store), tiny_model, "Who is the author?")
    assert answer.text != "MARA FELL"


@pytest.mark.parametrize(
    ("question", "said", "answer"),
    [
        ("Who wrote this book?", "Nell Varley", NOT_SAID),
        ("Who is the author?", "Alder Brothers", NOT_SAID),
        ("Who is the author?", "Harrow & Sons", NOT_SAID),
        ("Who is the author?", "Ines Oduya", "Ines Oduya"),
        ("Who wrote this book?", "Nell Varley and Ada Oke", "Nell Varley and Ada Oke"),
        ("Who wrote this book?", "Mara Fell", "Mara Fell"),
        ("Who illustrated it?", "Nell Varley", NOT_SAID),
        ("Who edited it?", "Tobias Quill", "Tobias Quill"),
    ],
)
def test_nobody_is_named_for_a_role_who_is_credited_with_another(
    question: str, said: str, answer: str, tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = """\
THE REVOLT OF THE MILLS

Translated by Nell Varley

Introductory remarks, also by Tobias Quill

Printed in Wenlow by Alder Brothers
ALDER BROTHERS

Copyright, 1912, by Harrow & Sons

Copyright, 1911, by Ines Oduya

The illustrations are edited by nobody.

The mills were built by Mara Fell and Ada Oke.
"""
    attached = attached_to(one_page(front, "The mills"), tiny_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    monkeypatch.setattr(Scripted, "said", [said] * 3)
    assert answered(attached, tiny_model, question, look_again="auto").text == answer


@pytest.mark.parametrize(
    ("front", "author"),
    [
        ("THE MILLS\n\nA. M. Oke\nPART ONE\n", "A. M. Oke"),
        ("THE MILLS\n\nAda Oke, Esq.\n\nCHAPTER I\n", "Ada Oke, Esq."),
        ("THE MILLS\n\nGreat Wendle\n\nThe gate is shut.\n", None),
        ("Translated by\n\nA. M. Oke\n\nTHE MILLS\n", None),
        ("THE A. M. OKE READER\n\nA. M. Oke\n\n", None),
        ("REPORT\n\nU. S. Mills\n\n", None),
    ],
)
def test_a_name_alone_below_the_title_is_the_authors_if_it_can_be_nothing_else(front: str, author: str | None) -> None:
    found = named_alone(front)
    assert (found and found[0]) == author
    if found:
        assert front[found[1] : found[2]] == author


@pytest.mark.parametrize(
    ("front", "author"),
    [
        ("The mills\n\nWords: Ada Oke\nMusic: Nell Varley\n", "Ada Oke"),
        ("Die Mühlen\n\nText und Fotos: Mirja Tann\n", "Mirja Tann"),
        ("The mills\n\nText: Romans\n", None),
        ("The mills\n\nPrepared by Ada Oke\n\nThey are old.\n", "Ada Oke"),
        ("The mills\n\nPosted by Ada Oke on 3 May 2021\n\nThey are old.\n", "Ada Oke"),
        ("The mills\n\nby Ada Oke\n\nPrepared by Nell Varley\n", "Ada Oke"),
        ("The mills\n\nPrepared by Alder Press\n", None),
        ("Club news\n\nAda Oke\n2 May 2021\n\nThe boats are wet.\n", "Ada Oke"),
        ("Rowing club\n\nAnnual Report\n2 May 2021\n\nThis report is the annual one.\n", None),
    ],
)
def test_leaflets_and_notices_name_who_wrote_them(front: str, author: str | None) -> None:
    question = "Who wrote this?"
    page = PageRecord("d", 1, "1", 0, len(front), front)
    found = overview(understand(question), question, [Source("d", "The mills", (page,), len(front))])
    assert (found and found.text) == author


@pytest.mark.parametrize(
    ("question", "date"),
    [
        ("When was this written?", "14 March 2023"),
        ("When was this memo sent?", "14 March 2023"),
        ("What is the date of this memo?", "14 March 2023"),
        ("When was this printed?", None),
    ],
)
def test_a_memo_says_when_it_was_written(question: str, date: str | None) -> None:
    memo = "MEMO\n\nTo: All staff\nDate: Tuesday, 14 March 2023\n\nThe keys of 3 May 2020 are lost.\n"
    source = Source("d", "Memo", (PageRecord("d", 1, "1", 0, len(memo), memo),), len(memo))
    found = overview(understand(question), question, [source])
    assert (found and found.text) == date


def test_only_the_first_page_names_an_author_without_a_word() -> None:
    question, pages = "Who wrote this book?", ("THE MILLS\n", "THE MILLS\n\nA. M. Oke\nPART ONE\n")
    for order, said in ((pages, None), (pages[::-1], "A. M. Oke")):
        starts = (0, len(order[0]))
        records = [
            PageRecord("d", number, str(number), start, start + len(text), text)
            for number, (start, text) in enumerate(zip(starts, order, strict=True), 1)
        ]
        found = overview(
            understand(question), question, [Source("d", "The mills", tuple(records), sum(map(len, order)))]
        )
        assert (found and found.text) == said


PLAIN = "THE MILLS\n\nBY\n\nADA OKE\n\nThe right of translation is reserved.\n\nThe mills of Wendle are old and tall.\n"


@pytest.mark.parametrize("question", ["Who translated it?", "Who edited this?", "Who illustrated the book?"])
def test_nobody_has_a_role_that_nothing_at_the_beginning_speaks_of(
    question: str, tiny_model: Model, store: Store
) -> None:
    answer = answered(attached_to(one_page(PLAIN, "The mills"), tiny_model, store), tiny_model, question)
    assert (answer.text, answer.answer_tokens) == (NOT_SAID, 0)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who translated it?", PLAIN + "It was translated anew and with care by a friend.\n"),
        ("Who edited it?", PLAIN + "The editor thanks the miller.\n"),
        ("Who wrote the introduction?", PLAIN + "INTRODUCTION\n\nThe wheel turns.\n"),
        ("Who translated it?", "DIE MÜHLEN\n\nADA OKE\n\nÜbersetzt von Nell Varley\n\nDie Mühlen sind alt.\n"),
        ("Who wrote this book?", "THE MILLS\n\nAda Oke\n\nThe mills of Wendle are old and tall.\n"),
    ],
)
def test_what_may_be_a_credit_is_left_to_the_decoder(question: str, text: str) -> None:
    assert overview(understand(question), question, [_source(text, len(text))]) is None


def test_while_a_document_is_read_its_credits_are_those_read_by_then() -> None:
    question = "Who translated it?"
    text = "THE MILLS\n\nBY ADA OKE\n\nThe mills of Wendle are old and tall.\n\nTranslated by Nell Varley\n\nThe end.\n"
    ends = [(0, NOT_SAID), (text.index("Translated"), NOT_SAID), (text.index("The end"), "Nell Varley")]
    for chars, said in ends:
        found = overview(understand(question), question, [_source(text, chars)])
        assert found is not None
        assert found.text == said


def _source(text: str, chars_read: int) -> Source:
    return Source("d", "The mills", (PageRecord("d", 1, "1", 0, len(text), text),), chars_read)


@pytest.mark.parametrize("question", ["Who wrote this letter?", "Who is the author of this letter?"])
def test_a_letter_is_by_whoever_signs_it(question: str, tiny_model: Model, store: Store) -> None:
    letter = "Dear Ms. Roth,\n\nThe gate is old. I was told so by\nMara Fell\n\nYours sincerely,\n\nAda Oke\nPartner\n"
    answer = answered(attached_to(one_page(letter, "A letter"), tiny_model, store), tiny_model, question)
    assert answer.text == "Ada Oke"


@pytest.mark.parametrize(
    ("front", "names"),
    [
        (
            "Sensing Drift over Two\nCenturies of News\nIlse Varga 1 Tomas Hedlund 2 Noor El-Amin 1\n1 University of Tarn\n"
            "{ilse,noor}@tarn.edu\nAbstract\nWe measure it.",
            "Ilse Varga, Tomas Hedlund, Noor El-Amin",
        ),
        (
            "On Tides\nMirela Stan∗\nOke Brain\nmirela@oke.com\nJun-ho Paik∗\nOke Brain\njpaik@oke.com\nAbstract\nTides turn.",
            "Mirela Stan, Jun-ho Paik",
        ),
        (
            "Parsing Codes\n\nGreta Lind1,2(✉), Paulo Marques1, and Edith A. Thorne3\n\n1 Department of Law\n\nAbstract. Codes are",
            "Greta Lind, Paulo Marques, Edith A. Thorne",
        ),
        ("A Sensor\nRosa M. Keller, Member, IEEE, and Wei Zhang\nAbstract—This paper", "Rosa M. Keller, Wei Zhang"),
        (
            "Two Columns\nYuki Shino Sato Sekino\nTarn University\n{yuki,sato}@tarn.edu\nAbstract\nWe",
            "Yuki Shino, Sato Sekino",
        ),
        (
            "# Routing\n\n**Lena Hoff**, *Tarn University*\n**Ada Brick**, *Oke Labs*\n\n## Abstract\n\nWe",
            "Lena Hoff, Ada Brick",
        ),
        ("Zur Flut\nJürgen Weiß und Änne Groß\nUniversität Tarn\nZusammenfassung\nDie Flut", "Jürgen Weiß, Änne Groß"),
        ("The Flood\nBrook, Hanna; Frost, Ian\nTarn College\nAbstract\nIt", "Hanna Brook, Ian Frost"),
        ("On Rivers: Causes and\nFuture Remedies\nHanna Brook\nTarn University\nAbstract\nThe remedies", "Hanna Brook"),
    ],
)
def test_the_authors_of_a_paper_stand_above_its_abstract(front: str, names: str) -> None:
    found = byline(front)
    assert found is not None
    assert found[0] == names
    assert names.split()[0] in front[found[1] : found[2]]


@pytest.mark.parametrize(
    "front",
    [
        "On Tides\nMirela Stan\nOke Brain\nTides turn.",
        "Annual Report of the Board\nFinancial Overview\nChief Summary\nAbstract\nThe financial overview of the chief",
        "Routing in Old Towns\nSan Sebastian\nSpain\nAbstract\nWe route",
        "The Silting of Estuaries\nWorking Paper 12\nMarch 2021\nAbstract\nEstuaries",
    ],
)
def test_lines_above_an_abstract_that_are_no_names_are_no_authors(front: str) -> None:
    assert byline(front) is None


@pytest.mark.parametrize(
    "question",
    [
        "Who are the authors?",
        "Who wrote this paper?",
        "Wer sind die Autoren?",
        "Qui a écrit cet article ?",
        "¿Quién lo escribió?",
    ],
)
def test_who_wrote_a_paper_is_answered_without_a_decoder(question: str, tiny_model: Model, store: Store) -> None:
    paper = one_page("The Flood\nHanna Brook and Ian Frost\nTarn College\nAbstract\nIt came at night.", "The Flood")
    answer = answered(attached_to(paper, tiny_model, store), tiny_model, question)
    assert answer.text == "Hanna Brook, Ian Frost"
    assert answer.evidence[0].quote.startswith("Hanna Brook")
