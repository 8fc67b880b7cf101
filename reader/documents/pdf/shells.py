"""Files whose pages are only a notice: XFA forms, whose data is elsewhere, and portfolios, which hold other files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pikepdf
from lxml import etree

from reader.documents.archive import xml_parser
from reader.errors import DocumentError

_NOTICE = re.compile(r"please wait|adobe\.com/go/(?:reader|acrreader)|upgrade to the latest version", re.I)
_WORD_STARTS = re.compile(r"(?<=[a-z])(?=[A-Z])|_+")
_MOST_SHELL_PAGES = 3


def xfa_lines(root: Any, name: str, page_count: int, first_text: str) -> list[str] | None:
    """Return "label: value" lines of a form that only Adobe's reader draws; None where the pages are the form.

    Raises:
        DocumentError: The form has no data that could be read.
    """
    form = root.get("/AcroForm")
    packets = form.get("/XFA") if isinstance(form, pikepdf.Dictionary) else None
    if packets is None:
        return None
    dynamic = bool(root.get("/NeedsRendering", False)) or page_count <= _MOST_SHELL_PAGES
    if not dynamic or not (_NOTICE.search(first_text) or not first_text.strip()):
        return None
    lines = _labelled(list(_parts(packets)))
    if not lines:
        raise DocumentError(
            f"{name!r} is an XFA form, which only Adobe Reader shows: open it there and print it to a new PDF."
        )
    return lines


def _parts(packets: Any) -> Iterator[Any]:
    streams = list(packets)[1::2] if isinstance(packets, pikepdf.Array) else [packets]
    parser = xml_parser(mend=True)
    # The pieces of an array are one XML file that is cut between them; each of the inner pieces is whole itself.
    for stream in streams:
        data = stream.read_bytes()
        try:
            yield etree.fromstring(data, parser)
        except etree.XMLSyntaxError:
            continue


def _local(element: Any) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _labelled(parts: list[Any]) -> list[str]:
    captions: dict[str, str] = {}
    lines: list[str] = []
    elements = [element for part in parts if part is not None for element in part.iter()]
    for element in elements:
        if _local(element) in ("field", "exclGroup") and element.get("name"):
            caption = next((child for child in element if _local(child) == "caption"), None)
            words = " ".join("".join(caption.itertext()).split()) if caption is not None else ""
            if words:
                captions.setdefault(element.get("name"), words)
    for element in elements:
        if _local(element) != "data" or _local(
            element.getparent() if element.getparent() is not None else element
        ) not in (
            "datasets",
            "data",
        ):
            continue
        for leaf in element.iter():
            text = " ".join((leaf.text or "").split())
            if isinstance(leaf.tag, str) and not len(leaf) and text:
                label = captions.get(_local(leaf)) or _WORD_STARTS.sub(" ", _local(leaf))
                lines.append(f"{label.rstrip(': ')}: {text}")
    return lines


def portfolio(pdf: pikepdf.Pdf) -> list[tuple[str, bytes]]:
    """Return the (name, content) of the files that a portfolio holds; none where the PDF is no portfolio."""
    if "/Collection" not in pdf.Root:
        return []
    return [(name, file.get_file().read_bytes()) for name, file in pdf.attachments.items()]
