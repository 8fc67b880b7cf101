"""Charts and diagrams of Office files: the numbers of a chart, a series a line, and the words of a diagram."""

from __future__ import annotations

from lxml import etree

from reader.documents.archive import children, descendants, local_name
from reader.documents.prose import Prose

_MOST_CHART_POINTS = 2000


def write_drawn(root: etree._Element, prose: Prose) -> None:
    """Add what a part of a text file that is a chart or the data of a diagram shows."""
    if local_name(root) == "chartspace":
        write_chart(root, prose)
        return
    for paragraph in root.iter("{*}p"):
        prose.end_paragraph()
        prose.write("".join(inner.text or "" for inner in descendants(paragraph, "t")))
    prose.end_paragraph()


def write_chart(root: etree._Element, prose: Prose) -> None:
    """Add a chart's title and the numbers that it shows, a series a line."""
    for element in root.iter():
        name = local_name(element)
        if name == "title":
            prose.end_paragraph()
            prose.write(" ".join(inner.text or "" for inner in descendants(element, "t")))
            prose.end_line()
        elif name == "ser":
            series, categories, values = (
                [point for part in children(element, key) for point in _points(part)] for key in ("tx", "cat", "val")
            )
            pairs = [f"{label}: {value}" for label, value in zip(categories, values, strict=False)] or values
            prose.end_line()
            prose.write(f"{' '.join(series)} | {' | '.join(pairs)}" if series else " | ".join(pairs))
    prose.end_paragraph()


def _points(element: etree._Element) -> list[str]:
    return [inner.text or "" for inner in descendants(element, "v")][:_MOST_CHART_POINTS]
