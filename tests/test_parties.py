"""Who has a role in a caption: the name above or beside it, and not the role itself."""

from __future__ import annotations

import pytest
from helpers.answers import answered, attached_to
from helpers.documents import one_page

from reader.answering.extractive.parties import party
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


@pytest.mark.parametrize(
    ("role", "sentence"),
    [
        ("parties", "This lease is made between Alder Ltd (the “Landlord”) and Mara Fell (the “Tenant”)."),
        ("parties to this agreement", "This agreement is between Alder Ltd and Mara Fell."),
        ("Vertragsparteien", "Zwischen Frau Fell und Herrn Oduya wird dieser Vertrag geschlossen."),
        ("parties", "Le présent bail est conclu entre Mme Fell et M. Oduya."),
        ("partes", "Este contrato se firma entre Alder SL y doña Mara Fell."),
    ],
)
def test_the_parties_stand_in_the_sentence_that_names_them(role: str, sentence: str) -> None:
    text = f"Agreement\n\nParties\n\n{sentence}\n\nIt begins in May."
    assert party(role, text) == (sentence, text.index(sentence), text.index(sentence) + len(sentence))
    assert party(role, "Agreement\n\nParties\n\nThe hut stands between the hills and the sea.") is None


@pytest.mark.parametrize("role", ["tenant", "intervenor", "trial judge"])
def test_a_role_without_a_name_has_none(role: str) -> None:
    assert party(role, CAPTION) is None


def test_who_the_plaintiff_is_stands_in_the_caption(tiny_model: Model, store: Store) -> None:
    document = one_page(CAPTION, "A case")
    answer = answered(attached_to(document, tiny_model, store), tiny_model, "Who is the plaintiff?")
    assert answer.text == "ALDER MILLS, LLC"
    assert " ".join(answer.evidence[0].quote.split()) == "ALDER MILLS, LLC, a company of Caledon, Plaintiff/Respondent,"
