"""Loads question sets: one JSON object per line, in any of the shapes below, gzipped or not.

    {id, context, question, answers}                                   SQuAD-like, id optional; no answers: unanswerable
    {input, context, answers, all_classes, dataset, length, _id}       LongBench
    {id, context, input, answer, options}                              InfiniteBench
    {input, instructions, outputs, source, evaluation}                 L-Eval
    {story, sections, qas: [{question, answer1, …, cor_section}]}      FairytaleQA, a section as context
    {book_file, qas: [{q, a}]}                                         NarrativeQA, a whole book as context

This module scores nothing.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reader.errors import ConfigError, cause


@dataclass(frozen=True)
class Question:
    """A question about a text."""

    id: str
    """The question's name in its data set."""
    context: str
    """The text, or its passage that holds the answer; empty if the text is a whole book."""
    question: str
    """May be empty: the text itself states the task, or the task is to summarise the text."""
    answers: tuple[str, ...]
    """Empty: the text does not answer the question."""
    book_file: str = ""
    dataset: str = ""
    classes: tuple[str, ...] = ()
    is_choice: bool = False
    """Whether the answer is a letter."""

    @property
    def answer(self) -> str:
        """The first answer, on which a decoder is trained; empty: the text does not answer the question."""
        return self.answers[0] if self.answers else ""


def load_questions(path: Path) -> list[Question]:
    """All questions of a `.jsonl` or `.jsonl.gz` file.

    Raises:
        ConfigError: the file cannot be read, or a line is not JSON or has an unknown shape; the message names the line.
    """
    questions: list[Question] = []
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    questions += _questions(json.loads(line), path.name.split(".")[0], number)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Questions cannot be read from {str(path)!r} ({cause(error)}); give a .jsonl or .jsonl.gz file."
        ) from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ConfigError(
            f"Line {number} of {str(path)!r} is not a question ({type(error).__name__}: {error}); "
            "it needs context, question and answers, or the shape of LongBench, InfiniteBench or L-Eval."
        ) from error
    if not questions:
        raise ConfigError(f"{str(path)!r} holds no questions.")
    return questions


def _questions(line: dict[str, Any], name: str, number: int) -> Iterator[Question]:
    if "book_file" in line:
        for count, one in enumerate(line["qas"]):
            answers = tuple(detokenise(answer) for answer in one["a"])
            yield Question(f"{number}-{count}", "", detokenise(one["q"]), answers, line["book_file"])
    elif "sections" in line:
        yield from _of_story(line, number)
    elif "instructions" in line:
        is_choice = line.get("evaluation") == "exam"
        source = line.get("source", name)
        for count, (question, answer) in enumerate(zip(line["instructions"], line["outputs"], strict=True)):
            yield Question(f"{number}-{count}", line["input"], question, (answer,), "", source, (), is_choice)
    elif "input" in line:
        given: Any = line["answers"] if "answers" in line else line["answer"]
        options: list[str] = line.get("options") or []
        question = line["input"]
        if options:
            letters = [chr(ord("A") + at) for at in range(len(options))]
            question += "".join(f"\n{letter}. {option}" for letter, option in zip(letters, options, strict=True))
            right = [given] if isinstance(given, str) else given
            given = [letters[options.index(answer)] if answer in options else answer for answer in right]
        yield Question(
            str(line.get("_id", line.get("id", number))),
            line["context"],
            question,
            (given,) if isinstance(given, str) else tuple(map(str, given)),
            "",
            line.get("dataset", name),
            tuple(line.get("all_classes") or ()),
            bool(options),
        )
    else:
        answers = line["answers"]
        yield Question(
            str(line.get("id", number)),
            line["context"],
            line["question"],
            (answers,) if isinstance(answers, str) else tuple(answers),
        )


def _of_story(line: dict[str, Any], number: int) -> Iterator[Question]:
    sections: list[str] = line["sections"]
    for count, one in enumerate(line["qas"]):
        which = [int(part) - 1 for part in re.findall(r"\d+", str(one.get("cor_section", "")))]
        context = "\n\n".join(sections[at] for at in which if at < len(sections)) or "\n\n".join(sections)
        answers = tuple(str(one[key]) for key in sorted(one) if re.fullmatch(r"answer\d+", key) and one[key])
        yield Question(f"{line['story']}-{number}-{count}", context, one["question"], answers)


_BEFORE = re.compile(r"\s+([.,;:!?%)\]}’]|'(?:s|re|ve|ll|d|m|t)\b|n't\b)")
_AFTER = re.compile(r"([(\[{‘“$])\s+")


def detokenise(text: str) -> str:
    """Undo the spaces around tokens of a tokenised text.

    "What did Scrooge 's clerk say , then ?" becomes "What did Scrooge's clerk say, then?".
    """
    text = text.replace("``", "“").replace(" ''", "”").replace("-LRB-", "(").replace("-RRB-", ")")
    return _AFTER.sub(r"\1", _BEFORE.sub(r"\1", text)).strip()
