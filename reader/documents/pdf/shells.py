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
_MOST_NOTICE_CHARS = 2_000
"""Of the notice on a shell's only page, in whatever language."""
_INDEX = re.compile(r"\[\d+\]$")


def xfa_lines(root: Any, name: str, page_count: int, first_text: str) -> list[str] | None:
    """Return "label: value" lines of a form that only Adobe's reader draws; None where the pages are the form.

    Raises:
        DocumentError: The form has no data that could be read.
    """
    form = root.get("/AcroForm")
    packets = form.get("/XFA") if isinstance(form, pikepdf.Dictionary) else None
    if packets is None:
        return None
    is_dynamic = bool(root.get("/NeedsRendering", False))
    has_notice = not first_text.strip() or bool(_NOTICE.search(first_text))
    has_notice = has_notice and (is_dynamic or page_count <= _MOST_SHELL_PAGES)
    is_bare = page_count == 1 and (is_dynamic or not form.get("/Fields"))
    if not has_notice and not (is_bare and len(first_text) <= _MOST_NOTICE_CHARS):
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
    for leaf, text in _filled(elements):
        label = captions.get(_local(leaf)) or _WORD_STARTS.sub(" ", _local(leaf))
        lines.append(f"{label.rstrip(': ')}: {text}")
    return lines


def _filled(elements: list[Any]) -> Iterator[tuple[Any, str]]:
    """What is filled in, among the elements of a form."""
    for element in elements:
        parent = element.getparent()
        if _local(element) == "data" and _local(parent if parent is not None else element) in ("datasets", "data"):
            for leaf in element.iter():
                text = " ".join((leaf.text or "").split())
                if isinstance(leaf.tag, str) and not len(leaf) and text:
                    yield leaf, text


def xfa_values(root: Any) -> dict[tuple[str, ...], str]:
    """Return what an XFA form's data says, each value by the names that lead to it, such as ("form[0]", "name[0]")."""
    form = root.get("/AcroForm")
    packets = form.get("/XFA") if isinstance(form, pikepdf.Dictionary) else None
    if packets is None:
        return {}
    elements = [element for part in _parts(packets) if part is not None for element in part.iter()]
    return {_names(leaf): text for leaf, text in _filled(elements)}


def _names(leaf: Any) -> tuple[str, ...]:
    names: list[str] = []
    while leaf is not None and _local(leaf) != "data":
        index = sum(other.tag == leaf.tag for other in leaf.itersiblings(preceding=True))
        names.append(f"{_local(leaf)}[{index}]")
        leaf = leaf.getparent()
    return tuple(names[::-1])


def xfa_value(values: dict[tuple[str, ...], str], field_name: str) -> str:
    """Return the value of a field by its whole name; subforms may have no data of their own. "" where there is none."""
    names = [name if _INDEX.search(name) else f"{name}[0]" for name in field_name.split(".")]
    fitting = [path for path in values if path and path[-1] == names[-1] and _is_among(path, names)]
    return values[max(fitting, key=len)] if fitting else ""


def _is_among(path: tuple[str, ...], names: list[str]) -> bool:
    left = iter(names)
    return all(name in left for name in path)


def portfolio(pdf: pikepdf.Pdf) -> Iterator[tuple[str, bytes]]:
    """Yield the (name, content) of the files that a portfolio holds; none where the PDF is no portfolio."""
    if "/Collection" not in pdf.Root:
        return
    for key, file in pdf.attachments.items():
        yield _FOLDER.sub("", file.filename or key), file.get_file().read_bytes()


_FOLDER = re.compile(r"^<\d+>")
"""How the key of a file in a portfolio names its folder."""
