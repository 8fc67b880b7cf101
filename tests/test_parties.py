"""Who has a role in a caption: the name above or beside it, and not the role itself."""

from __future__ import annotations

import pytest
from helpers.answers import answered, attached_to
from helpers.documents import one_page

from reader.answering.extractive.parties import party, representative, represents_nobody
from reader.models import Model
from storage import Store

CAPTION = """\
COURT OF APPEALS
STATE OF CALEDON

ALDER MILLS, LLC,
a company of Caledon,
    Plaintiff/Respondent,
  v.
MARA FELL and
TOBIAS FENN,
    Defendants and Appellants.

The Honorable Ines Oduya, Judge
Counsel: Jonas Reed
This agreement binds every later
Tenant.
"""
LOAN = "LOAN AGREEMENT\nbetween\nFERNWOOD BANK\nas Lender\nand\nSABLE FERRIES LIMITED\n(Borrower)\n"


@pytest.mark.parametrize(
    ("role", "text", "name"),
    [
        ("plaintiff", CAPTION, "ALDER MILLS, LLC"),
        ("respondent", CAPTION, "ALDER MILLS, LLC"),
        ("defendants", CAPTION, "MARA FELL and TOBIAS FENN"),
        ("appellant", CAPTION, "MARA FELL and TOBIAS FENN"),
        ("judge", CAPTION, "The Honorable Ines Oduya"),
        ("counsel", CAPTION, "Jonas Reed"),
        ("lender", LOAN, "FERNWOOD BANK"),
        ("borrower", LOAN, "SABLE FERRIES LIMITED"),
    ],
)
def test_a_role_has_the_name_above_or_beside_it(role: str, text: str, name: str) -> None:
    found = party(role, text)
    assert found is not None
    assert found[0] == name


@pytest.mark.parametrize("role", ["tenant", "intervenor", "trial judge"])
def test_a_role_without_a_name_has_none(role: str) -> None:
    assert party(role, CAPTION) is None


HEARING = (
    CAPTION
    + """\
Reed & Hale, P.C., by Jonas Reed, for Plaintiff/Respondent
Nell Varley, attorney for Defendants

Mills was represented by the county attorney, Helen
Strand. The Board, a body of Caledon, was represented by Ada Oke and Yusuf Demir. Tobias Quill appeared for the insurer.
Counsel for the intervenor: Ines Roth
"""
)


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ("plaintiff", "Reed & Hale, P.C., by Jonas Reed"),
        ("respondent", "Reed & Hale, P.C., by Jonas Reed"),
        ("defendants", "Nell Varley"),
        ("Board", "Ada Oke and Yusuf Demir"),
        ("insurer", "Tobias Quill"),
        ("intervenor", "Ines Roth"),
        ("judge", None),
        ("surveyor", None),
    ],
)
def test_who_stands_for_somebody_is_named_beside_them(who: str, name: str | None) -> None:
    found = representative(who, HEARING)
    assert (found and found[0]) == name


def test_a_party_that_is_named_by_its_role_is_found_by_its_name() -> None:
    found = representative(
        "petitioner", "DOROTHY HARTNELL,\nPetitioner,\n\nMs. Hartnell was represented by Yusuf Demir. She won.\n"
    )
    assert found is not None
    assert found[0] == "Yusuf Demir"


@pytest.mark.parametrize(("who", "name"), [("seller", "TURNBULL & ASHE LLP"), ("buyers", "Ms. Roth"), ("lender", None)])
def test_a_letter_says_for_whom_its_writer_and_its_reader_act(who: str, name: str | None) -> None:
    letter = "TURNBULL & ASHE LLP\nSolicitors\n\nDear Ms. Roth,\n\nWe act for the seller. We hear that you act for the buyers.\n"
    found = representative(who, letter)
    assert (found and found[0]) == name


@pytest.mark.parametrize(
    "question",
    [
        "Who represented the plaintiff?",
        "Who is the plaintiff's lawyer?",
        "Who was the attorney for the plaintiff?",
        "Who appeared for the plaintiff?",
        "Who was the plaintiff represented by?",
    ],
)
def test_questions_for_who_stands_for_a_party_are_answered_so(question: str, tiny_model: Model, store: Store) -> None:
    answer = answered(attached_to(one_page(HEARING, "A case"), tiny_model, store), tiny_model, question)
    assert answer.text == "Reed & Hale, P.C., by Jonas Reed"


def test_who_the_plaintiff_is_stands_in_the_caption(tiny_model: Model, store: Store) -> None:
    document = one_page(CAPTION, "A case")
    answer = answered(attached_to(document, tiny_model, store), tiny_model, "Who is the plaintiff?")
    assert answer.text == "ALDER MILLS, LLC"
    assert " ".join(answer.evidence[0].quote.split()) == "ALDER MILLS, LLC, a company of Caledon, Plaintiff/Respondent,"


@pytest.mark.parametrize(
    ("who", "is_nobody"),
    [("respondent", False), ("insurer", False), ("surveyor", True), ("heirs of the miller", False)],
)
def test_nobody_stands_for_whom_no_sentence_says_it_of(who: str, is_nobody: bool) -> None:
    assert represents_nobody(who, [HEARING]) is is_nobody


def test_who_represented_a_party_that_nobody_did_is_refused(tiny_model: Model, store: Store) -> None:
    text = CAPTION.replace("Counsel: Jonas Reed\n", "") + "\nJonas Reed, for the Plaintiff.\n"
    attached = attached_to(one_page(text, "Judgment"), tiny_model, store)
    assert answered(attached, tiny_model, "Who represented the defendants?").not_said
    assert answered(attached, tiny_model, "Who represented the plaintiff?").text == "Jonas Reed"
