"""Flags that several commands share, and the parsers of their values. A bad flag gives one sentence and exit status 2."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def add_library(parser: argparse.ArgumentParser) -> None:
    """Add the flags of every command that works on the library."""
    parser.add_argument("--library", type=Path, metavar="DIR", help="the library's folder (or READER_LIBRARY)")
    add_json(parser)


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the file or the web address that a command takes."""
    parser.add_argument("file", type=source, metavar="FILE", help="a file, or its web address")


def add_encoding(parser: argparse.ArgumentParser) -> None:
    """Add the flag of every command that opens one file."""
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        help="the encoding of a text or HTML file, such as iso-8859-2; default: detected",
    )


def add_ocr(parser: argparse.ArgumentParser) -> None:
    """Add the flag of every command that may read scans."""
    parser.add_argument(
        "--ocr",
        action="store_true",
        help="read pages that are pictures of text by text recognition, in the languages of READER_OCR, such as "
        "eng+deu; default: eng",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the flags of every command that reads documents: the decoder, its plug-in and how windows are read."""
    add_model_name(parser)
    add_dtype(parser)
    parser.add_argument(
        "--ratio", type=ratio, metavar="N|adapt", help="tokens per beacon, 0: keep all; default: adapt to the document"
    )
    add_condenser(parser)
    parser.add_argument("--window", type=count, metavar="N", help="tokens per window; default: 512, on a GPU 2048")
    parser.add_argument(
        "--horizon", type=count, metavar="N", help="newest slots to which a window attends; default: all"
    )


def add_model_name(parser: argparse.ArgumentParser) -> None:
    """Add `--model`."""
    parser.add_argument(
        "--model", metavar="NAME", help="a bundled decoder, a Hugging Face name or a folder (or READER_MODEL)"
    )


def add_plugin_name(parser: argparse.ArgumentParser) -> None:
    """Add `--plugin`."""
    parser.add_argument("--plugin", type=plugin, metavar="NAME", help="a plug-in's folder or Hugging Face name")


def add_condenser(parser: argparse.ArgumentParser) -> None:
    """Add `--plugin` and `--condenser`."""
    add_plugin_name(parser)
    parser.add_argument(
        "--condenser",
        metavar="NAME",
        help="how a window is condensed: into beacons (needs a plug-in), or to rows of the window, chosen by expected-attention, "
        "by replay (each window is run twice), evenly (spread) or by what the plug-in was fitted to (fitted); default: what the "
        "plug-in says, else expected-attention",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add `--device` and `--dtype`."""
    parser.add_argument("--device", metavar="NAME", help="cpu or a GPU; default: a GPU if there is one")
    add_dtype(parser)


def add_dtype(parser: argparse.ArgumentParser) -> None:
    """Add `--dtype`."""
    parser.add_argument(
        "--dtype",
        metavar="TYPE",
        help="the decoder's precision: float32, bfloat16, float16, or int8 on a CPU (or READER_DTYPE); "
        "default: bfloat16 on a GPU, on a CPU int8 for bundled decoders and float32 for others",
    )


def add_answering(parser: argparse.ArgumentParser) -> None:
    """Add `--look-again` and `--no-evidence`."""
    parser.add_argument(
        "--look-again",
        type=look_again,
        default="auto",
        metavar="off|auto|N",
        help="read relevant passages again, at most N tokens; default: when the question asks for detail",
    )
    parser.add_argument("--no-evidence", action="store_true", help="do not compute where the answer comes from")


def add_save_dtype(parser: argparse.ArgumentParser) -> None:
    """Add `--save-dtype`."""
    parser.add_argument(
        "--save-dtype",
        choices=("model", "int8"),
        default="model",
        help="the type of the plug-in's file; int8 takes half of bfloat16's bytes",
    )


def source(text: str) -> Path | str:
    """A file's path, or a web address as it is."""
    from reader.documents import is_address

    return text.strip() if is_address(text) else Path(text)


def existing(text: str) -> Path:
    """The path of a file or a folder that is there. That it is not is said at once, as what reads it takes seconds to import.

    Raises:
        argparse.ArgumentTypeError: there is none.
    """
    if os.path.exists(text):
        return Path(text)
    raise argparse.ArgumentTypeError(f"there is no file or folder {text!r}")


def plugin(text: str) -> str:
    """The folder of a plug-in that is there, or a name that the Hugging Face hub may have.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    if os.path.isdir(text) or re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", text):
        return text
    raise argparse.ArgumentTypeError(f"there is no plug-in at {text!r}")


def words(text: str) -> str:
    """Words as the user typed them; bytes that are no UTF-8, which a decoder cannot take, become "\ufffd"."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _whole(text: str) -> int | None:
    """The whole number that a text is; None if it is none, or has more digits than anything here needs."""
    return int(text) if re.fullmatch("[0-9]{1,15}", text) else None


def count(text: str) -> int:
    """A positive whole number.

    Raises:
        argparse.ArgumentTypeError: the text is no such number.
    """
    if value := _whole(text):
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")


def number(text: str) -> int:
    """A whole number, 0 or more.

    Raises:
        argparse.ArgumentTypeError: the text is no such number.
    """
    if (value := _whole(text)) is not None:
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")


def ratio(text: str) -> int | None:
    """A condensing ratio; None for `adapt`.

    Raises:
        argparse.ArgumentTypeError: the text is neither.
    """
    if text == "adapt":
        return None
    if (value := _whole(text)) is not None:
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor adapt")


def look_again(text: str) -> str | int:
    """`off`, `auto` or the most tokens to read again.

    Raises:
        argparse.ArgumentTypeError: the text is none of these.
    """
    if text in ("off", "auto"):
        return text
    if (value := _whole(text)) is not None:
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is neither off, auto nor a number of tokens")


def byte_count(text: str) -> int:
    """Bytes: a whole number, or a number followed by kB, MB, GB or TB.

    Raises:
        argparse.ArgumentTypeError: the text is neither.
    """
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([kmgt]?b|)", text.strip().lower())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes such as 500000000 or 2GB")
    return round(float(found[1]) * _UNITS[found[2]])
