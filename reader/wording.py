"""Words that the shell and the page share: sizes, durations, and the stages of loading a decoder."""

from __future__ import annotations

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
