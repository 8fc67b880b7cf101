"""PDFs whose tagged tree says what something on the page reads (`/ActualText` of structure elements)."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from helpers.pdf import Made, shown, words

from reader.documents import load

BOX = b"45 298 30 10 re f "


def marked(number: int, drawn: bytes) -> bytes:
    return b"/Span << /MCID %d >> BDC %s EMC " % (number, drawn)


def tagged(tmp_path: Path, drawn: list[bytes], said: dict[int, str], together: list[int] | None = None) -> str:
    """The text of a page whose parts each have an element, but that some are under one; `said` by their numbers."""
    path = tmp_path / "tagged.pdf"
    Made(b"".join(marked(number, part) for number, part in enumerate(drawn))).writer.write(path)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        page = pdf.pages[0].obj
        page.StructParents = 0
        root = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.StructTreeRoot))
        elements = []
        for number in range(len(drawn)):
            element = pikepdf.Dictionary(Type=pikepdf.Name.StructElem, S=pikepdf.Name.Span, P=root, Pg=page, K=number)
            if number in said:
                element.ActualText = pikepdf.String(said[number])
            elements.append(pdf.make_indirect(element))
        root.ParentTree = pdf.make_indirect(pikepdf.Dictionary(Nums=pikepdf.Array([0, pikepdf.Array(elements)])))
        kids = elements
        if together:
            parent = pikepdf.Dictionary(Type=pikepdf.Name.StructElem, S=pikepdf.Name.P, P=root)
            parent.ActualText = pikepdf.String(said[-1])
            outer = pdf.make_indirect(parent)
            for number in together:
                elements[number].P = outer
            outer.K = pikepdf.Array([elements[number] for number in together])
            kids = [outer if number == together[0] else element for number, element in enumerate(elements)]
            kids = [kid for number, kid in enumerate(kids) if number not in together[1:]]
        root.K = pikepdf.Array(kids)
        pdf.Root.StructTreeRoot, pdf.Root.MarkInfo = root, pikepdf.Dictionary(Marked=True)
        pdf.save(path)
    return words(load(path))


@pytest.mark.parametrize(
    ("drawn", "said", "expected"),
    [
        (
            [shown((20, 300, "The fee is")), shown((70, 300, "2S %")), shown((100, 300, "a year."))],
            "25 %",
            "The fee is 25 % a year.",
        ),
        ([shown((20, 300, "The")), BOX, shown((80, 300, "line."))], "Oduya", "The Oduya line."),
        (
            [
                shown((20, 320, "Of old")),
                shown((20, 300, "it is said: har-"), (20, 288, "b0ur.")),
                shown((20, 270, "And more.")),
            ],
            "it is said: harbour.",
            "Of old it is said: harbour. And more.",
        ),
        (
            [shown((20, 300, "E =")), shown((40, 300, "m c"), (55, 304, "2")), shown((70, 300, "holds."))],
            "mc²",
            "E = mc² holds.",
        ),
    ],
    ids=["a-figure", "a-picture", "lines", "a-formula"],
)
def test_what_an_element_says_is_read(tmp_path: Path, drawn: list[bytes], said: str, expected: str) -> None:
    assert tagged(tmp_path, drawn, {1: said}) == expected


def test_an_element_says_what_its_children_read(tmp_path: Path) -> None:
    drawn = [
        shown((20, 300, "The fee is")),
        shown((70, 300, "2")),
        shown((76, 300, "S %")),
        shown((100, 300, "a year.")),
    ]
    assert tagged(tmp_path, drawn, {-1: "25 %", 1: "9"}, together=[1, 2]) == "The fee is 25 % a year."


def test_words_that_describe_a_drawing_do_not_replace_its_letters(tmp_path: Path) -> None:
    drawn = [
        shown((20, 300, "Sales")),
        shown((20, 280, "10 million in 1998"), (20, 268, "20 million in 1999")),
        shown((20, 240, "End")),
    ]
    for said in ("A chart", "A chart of " + "all the sales that there were " * 9):
        assert tagged(tmp_path, drawn, {1: said}) == "Sales 10 million in 1998 20 million in 1999 End"


def test_the_same_words_change_nothing(tmp_path: Path) -> None:
    drawn = [
        shown((20, 300, "A line")),
        shown((20, 280, "and its next"), (20, 268, "one here")),
        shown((20, 240, "End")),
    ]
    assert tagged(tmp_path, drawn, {1: "and its  next one here"}) == "A line and its next one here End"


def test_a_tree_that_goes_round_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "round.pdf"
    Made(marked(0, shown((20, 300, "The fee is 25.")))).writer.write(path)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        page = pdf.pages[0].obj
        page.StructParents = 0
        root = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.StructTreeRoot))
        one, two = (pdf.make_indirect(pikepdf.Dictionary(S=pikepdf.Name.P, Pg=page)) for _ in range(2))
        one.P, two.P, one.K, two.K = two, one, two, pikepdf.Array([one, 0])
        root.K = one
        root.ParentTree = pdf.make_indirect(pikepdf.Dictionary(Nums=pikepdf.Array([0, pikepdf.Array([two])])))
        pdf.Root.StructTreeRoot, pdf.Root.MarkInfo = root, pikepdf.Dictionary(Marked=True)
        pdf.save(path)
    assert words(load(path)) == "The fee is 25."
