"""Words that the shell and the page share: sizes, durations, pages, and the stages of loading a decoder."""

from __future__ import annotations

from collections.abc import Iterable

STAGES = {
    "download": "Downloading the decoder, once",
    "convert": "Converting the decoder, once",
    "wait": "Waiting for another process to fetch the decoder",
    "load": "Loading the decoder",
}
"""What to say while a decoder loads, by the stage that `reader.models.load_model` reports."""


def duration(seconds: float) -> str:
    """Seconds as people read them: "12 s", "3 min 20 s", "1 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(size_bytes: int) -> str:
    """Bytes as people read them: "512 B", "3 MB", "1.2 GB"."""
    number = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def looked_again(labels: Iterable[str]) -> str:
    """The pages that an answer looked at again, by their labels: "looked again at pages 12 and 40"; empty for none."""
    pages = list(dict.fromkeys(labels))
    if not pages:
        return ""
    return "looked again at " + (
        f"page {pages[0]}" if len(pages) == 1 else f"pages {', '.join(pages[:-1])} and {pages[-1]}"
    )
