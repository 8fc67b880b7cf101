"""Scores of replies: exact match, token F1, ROUGE-L, and those of LongBench.

torchmetrics computes ROUGE-L and SQuAD's normalisation, exact match and F1. For an unanswerable question, the right reply says
that the document does not answer it.
"""

from __future__ import annotations

import difflib
import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

from reader.answering import says_nothing

_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def squad_scores(reply: str, answers: Sequence[str]) -> tuple[float, float]:
    """Exact match and token F1, from 0 to 1, against the best of the answers; no answers: the question is unanswerable."""
    if not answers:
        right = float(says_nothing(reply))
        return right, right
    # Imported here because the import takes seconds, which reading and asking should not spend.
    from torchmetrics.functional.text import squad

    target: Any = {"id": "0", "answers": {"text": list(answers), "answer_start": [0] * len(answers)}}
    found = squad([{"id": "0", "prediction_text": reply}], [target])
    return float(found["exact_match"]) / 100, float(found["f1"]) / 100


def rouge_l(reply: str, answers: Sequence[str]) -> float:
    """ROUGE-L, from 0 to 1, against the best of the answers; no answers: the question is unanswerable."""
    if not answers:
        return float(says_nothing(reply))
    from torchmetrics.functional.text import rouge_score

    return float(rouge_score(reply, [list(answers)], accumulate="best", rouge_keys="rougeL")["rougeL_fmeasure"])


def recall(reply: str, answer: str) -> float:
    """The share of the answer's words that the reply contains, from 0 to 1."""
    wanted, there = Counter(_words(answer)), Counter(_words(reply))
    return sum((wanted & there).values()) / max(1, sum(wanted.values()))


def first_number(reply: str) -> str:
    """The first run of digits in a reply; empty if the reply has no digits."""
    found = re.search(r"\d+", reply)
    return found.group() if found else ""


def character_f1(reply: str, answers: Sequence[str]) -> float:
    """F1 over single characters, for text without spaces between words."""
    best = 0.0
    for answer in answers:
        there, wanted = Counter(_letters(reply)), Counter(_letters(answer))
        common = sum((there & wanted).values())
        if common:
            best = max(best, 2 * common / (sum(there.values()) + sum(wanted.values())))
    return best


def longbench_score(dataset: str, reply: str, answers: Sequence[str], classes: Sequence[str]) -> tuple[str, float]:
    """The name and the value, from 0 to 1, of a LongBench data set's score (arXiv 2308.14508, table 1)."""
    name = dataset.removesuffix("_e")
    if name in ("gov_report", "qmsum", "multi_news", "samsum", "vcsum"):
        if name == "samsum":
            reply = reply.strip().split("\n")[0]
        return "rougeL", character_f1(reply, answers) if name == "vcsum" else rouge_l(reply, answers)
    if classes or name in ("trec", "lsht"):
        named = [one for one in classes if one in reply]
        # Ignore a class whose name is part of another named class.
        named = [one for one in named if not any(one != other and one in other for other in named)]
        return "accuracy", 1 / len(named) if any(answer in named for answer in answers) else 0.0
    if name.startswith("passage_retrieval") or name == "passage_count":
        wanted = {number for answer in answers for number in re.findall(r"\d+", answer)}
        numbers = re.findall(r"\d+", reply)
        return "accuracy", sum(number in wanted for number in numbers) / len(numbers) if numbers else 0.0
    if name in ("lcc", "repobench-p"):
        lines = [line for line in reply.lstrip("\n").split("\n") if not line.lstrip().startswith(("#", "//", "```"))]
        first = lines[0] if lines else ""
        return "similarity", max(difflib.SequenceMatcher(None, first, answer).ratio() for answer in answers)
    if any(_CHINESE.search(answer) for answer in answers):
        return "f1", character_f1(reply, answers)
    if name in ("triviaqa",):
        reply = reply.strip().split("\n")[0]
    return "f1", squad_scores(reply, answers)[1]


def choice_score(reply: str, answers: Sequence[str]) -> float:
    """1 if the letters (A, B, …) that the reply names first are the answer's, else 0."""
    wanted = "".join(sorted(set(re.findall(r"[A-Z]", " ".join(answers)))))
    named = re.search(r"\b([A-Z]{1,4})\b", reply.strip())
    return float(named is not None and "".join(sorted(named.group(1))) == wanted)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _letters(text: str) -> str:
    return "".join(
        sign for sign in text if not sign.isspace() and sign not in string.punctuation + "，。！？、；：“”‘’（）《》"
    )
