"""The shell's entry point: a table of commands, each in its own module, which is imported when the command is used.

A command's module has `add_flags(parser)`, which also sets `run`, the function that takes the parsed flags. The entry point turns
an error into one sentence and an exit status (2: the user's mistake, 1: a bug in the reader, 130: stopped, 141: closed pipe).
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

from reader.errors import Parser, ReaderError, unexpected
from reader.settings import is_debugging, library_folder, version
from reader.shell.terminal import PROGRAM, console, print_error
from storage import StoreError

CLOSED_PIPE = 128 + 13
"""The exit status of programs that SIGPIPE ends."""


@dataclass(frozen=True)
class Command:
    """A command of the shell."""

    module: str
    """The module of its `add_flags`, as a name, because importing most commands imports torch or Gradio."""
    help: str


COMMANDS = {
    "read": Command("reader.shell.read", "read a document and save its memory"),
    "ask": Command("reader.shell.ask", "ask one or more documents; read them first if necessary"),
    "batch": Command("reader.shell.batch", "answer a file of questions about any documents"),
    "serve": Command("reader.app.main", "start the app in the browser"),
    "mcp": Command("reader.app.mcp_stdio", "let an assistant use the library over standard input and output"),
    "jobs": Command("reader.shell.jobs", "list, pause, cancel, resume and run readings"),
    "library": Command("reader.shell.library", "list, search, check, move and limit the library"),
    "models": Command("reader.shell.models", "list, fetch and remove the bundled decoders"),
    "evaluate": Command(
        "reader.shell.evaluate", "measure what a memory keeps, compared with other long-context methods"
    ),
    "train": Command("reader.shell.train", "train the plug-in, its answer weights, or a longer decoder"),
    "fit": Command("reader.shell.fit", "measure how many rows each layer of a decoder should keep"),
    "merge": Command("reader.shell.merge", "average trained plug-ins; take the answer weights of one"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where the locale has no UTF-8: a question mark in place of an error
    try:
        if not words or words[0] not in COMMANDS:
            return _without_command(words)
        options = parser_of(words[0]).parse_args(words[1:])
        if "library" in options:
            options.library = library_folder(options.library)
        options.run(options)
    except (ReaderError, StoreError) as error:
        print_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        console.print("Stopped. Finished work is kept; run the same command to continue.")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the program that read the output has ended
        return CLOSED_PIPE
    except Exception as error:
        if is_debugging():
            traceback.print_exc()
        print_error(f"{unexpected(error)} READER_DEBUG=1 shows where.")
        return 1
    return 0


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one command's flags."""
    command = COMMANDS[name]
    parser = Parser(prog=f"{PROGRAM} {name}", description=f"{command.help[0].upper()}{command.help[1:]}.")
    import_module(command.module).add_flags(parser)
    return parser


def _without_command(words: Sequence[str]) -> int:
    """Print the help or the version, or say that there is no such command."""
    parser = Parser(prog=PROGRAM, description="Read long documents once, remember them, ask them.")
    parser.add_argument("--version", action="version", version=f"beacon-reader {version()}")
    commands = parser.add_subparsers(metavar="COMMAND", help=f"`{PROGRAM} COMMAND --help` lists its flags")
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.help)
    if not words:
        parser.print_help(sys.stderr)
        return 2
    if not words[0].startswith("-"):
        near = get_close_matches(words[0], COMMANDS, 1)
        way_out = f"did you mean {near[0]!r}?" if near else f"{PROGRAM} --help lists them all."
        print_error(f"There is no command {words[0]!r}; {way_out}")
        return 2
    parser.parse_args(words)  # ends the program: --help, --version, or a flag that does not exist
    return 2
