"""One answer as it grows, token by token, for whichever driver runs the decoder: one question at a time, or many together.

`Decoding.next` says what to run, `Decoding.take` chooses a token from the logits. Decoding is greedy, so the same memory and
question give the same answer. It never runs an answer's tokens itself.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers import NoRepeatNGramLogitsProcessor

from reader.answering.aim import Aim
from reader.answering.attached import AttachedMemory
from reader.answering.attention import Attention, Queries
from reader.answering.checks.kinds import may_be_of_another_kind
from reader.answering.checks.lists import asks_how_to, has_steps, listed, with_other_items
from reader.answering.checks.places import further_place, may_be_place
from reader.answering.checks.prices import with_cost
from reader.answering.checks.quantities import contradicts, may_begin_with_figure
from reader.answering.extractive.entries import has_entries, with_day
from reader.answering.extractive.extract import extract
from reader.answering.extractive.overview import Overview
from reader.answering.extractive.statements import (
    Statement,
    adds_nothing,
    in_own_sentence,
    is_no_manner,
    may_add_nothing,
    statements,
    whole,
    with_next,
    with_otherwise,
)
from reader.answering.extractive.title_pages import as_credited
from reader.answering.in_sight import InSight
from reader.answering.look_again import choose_passages, look_again_tokens, nearest_sentences
from reader.answering.passage_choice import PassageChoice
from reader.answering.passages import LOOK_AGAIN_TOKENS, Passage
from reader.answering.prompt import MAX_ANSWER_TOKENS, Prompt, make_prompt
from reader.answering.refusal import NOT_SAID, may_become_refusal, says_nothing
from reader.answering.requests import asks_what_happens, followed, is_yes_or_no, offers_choice
from reader.answering.text.dates import asks_when
from reader.answering.text.tables import asks_for_payment
from reader.answering.text.words import mention
from reader.beacon import Mark, Memory
from reader.models import Model

_TOLD = 3
"""Statements that answer what a document says about something."""

_LIKELY = -0.4
"""The mean log probability of the tokens of a reason, or of what happened, that the decoder does not make up, at least."""

_without_loops = NoRepeatNGramLogitsProcessor(8)
"""Small decoders repeat themselves; no eight tokens come twice in one answer."""


def greedy_token(tokens: Sequence[int], logits: Tensor) -> int:
    """The likeliest next token behind an answer's tokens, without loops, by logits (1, vocab) or more, the last row."""
    chosen = torch.tensor([list(tokens)], dtype=torch.int64)
    return int(_without_loops(chosen, logits[-1:].cpu().clone()).argmax())


@dataclass(frozen=True)
class Step:
    """What to run next for an answer: rewind, then run the passages, then `ids`, whose last logits choose the next token."""

    kept_tokens: int
    """How many of the tokens that this answer has run so far stay behind the memory. The others are dropped first."""
    passage_ids: Tensor
    """(tokens,): source text, run without recording queries; often none."""
    passage_spans: Tensor
    """(tokens, 2)"""
    ids: Tensor
    """(tokens,): the question, or the last token; their queries are recorded."""
    horizon: int | None
    """How many of the memory's newest slots all of these tokens see beside its sink; None: all slots."""

    @property
    def tokens(self) -> int:
        """How many tokens it runs."""
        return len(self.passage_ids) + len(self.ids)


class Decoding:
    """An answer as it grows token by token.

    Attributes:
        asked, question: the question as it was asked, and in the words in which it is answered.
        aim: what the question asks for.
        queries: where the queries of each step's `ids` are recorded by layer; None: nowhere.
        tokens: the answer's tokens so far.
        text: their text.
        held: the end of the text, not shown yet: the answer may still become `NOT_SAID`, and another one replace it.
        ended: why the answer has ended, as in `Answer`; None while it grows.
        looked_again: the prompts whose passages were looked at, in this order; the last one answers.
        takes_sentence: whether the answer is to be what the document states about the question.
        overview: the answer to a question about the whole or a place, in the document's own words; None for other questions.
        attention: what question and answer attended to; None before `attend`, or without evidence.
        first_token_seconds, attend_seconds: from the start to the first token shown, and what `attend` took.
    """

    def __init__(
        self,
        attached: AttachedMemory,
        question: str,
        model: Model,
        *,
        look_again: str | int = "off",
        evidence: bool = True,
        shared_tokens: int = 0,
        earlier: Sequence[tuple[str, str]] = (),
        whole: str = "",
        ready: str = "",
    ) -> None:
        """Choose what to look at again.

        Args:
            look_again, evidence, earlier: as for `ask`, and so is what is raised.
            whole: as for `choose_passages`.
            ready: the answer, where the turns before give it.
            shared_tokens: the question's first tokens that stand behind the memory already.
        """
        self._started = time.perf_counter()
        self.attached, self.asked, self._model = attached, question.strip(), model
        self.question = with_cost(self.asked)
        self._said = "\n".join([self.question, *(text for turn in earlier for text in turn)])
        self.aim = Aim.of(self.question, earlier)
        self._room_tokens = model.plugin.max_positions - attached.memory.next_position
        self._shared_tokens = shared_tokens
        self._run_tokens = 0  # behind the memory, of all steps so far
        self._first_logits: Tensor | None = None  # for the answer's first token
        self._prompt_tokens = 0  # of these, up to the answer's first token
        self._refusal_ids: list[int] = model.encode(NOT_SAID)[0].tolist()
        self._refusal_threshold = model.plugin.config.refusal_threshold
        self._memory_threshold = model.plugin.config.memory_refusal_threshold
        self._is_from_memory = False  # whether the memory alone is asked, as all passages were in vain
        self._is_new_prompt = True
        self.queries: Queries | None = {} if evidence else None
        self.text = self.held = ""
        self.ended: str | None = None
        self.looked_again: list[Prompt] = []
        self.wants_evidence = evidence
        self._asks_for_day = asks_when(self.question) and any(map(has_entries, attached.sources))
        self.takes_sentence = evidence and self.aim.is_statement
        self._may_add_nothing = evidence and not offers_choice(self.question)
        self.attention: Attention | None = None
        self.first_token_seconds = self.attend_seconds = 0.0
        self._begin(make_prompt(self.question, model))
        budget_tokens = look_again_tokens(look_again)
        self.overview = (
            Overview(ready, ())
            if ready
            else extract(self.asked, self.question, attached.sources, attached.passages, model.encoder)
        )
        if self.overview is not None:
            self.text = self.held = self.overview.text
            self.ended, self.queries = "finished", None
        found: Sequence[Passage] = ()
        if budget_tokens and self.overview is None:
            found = choose_passages(attached, self.question, model, budget_tokens, earlier, with_cost(whole))
        words = self.question
        nearest, has_all_words = (
            nearest_sentences(attached, words, model, budget_tokens, earlier) if found else (None, False)
        )
        # Knows nothing of this object: in a circle, it and the attached memory would stay when the question is answered.
        self._choice = PassageChoice(
            found,
            lambda passage: make_prompt(words, model, (passage,), attached.passages),
            nearest=nearest,
            has_all_words=has_all_words,
            looks_at_all=budget_tokens > LOOK_AGAIN_TOKENS,
        )
        if self._choice.is_open:
            self._look_at(self._choice.next())

    def statements(self) -> list[Statement]:
        """What the document states about the question, the surest first, if the answer is to be that."""
        if not self.takes_sentence or self._tells_what_happened:
            return []
        most = _TOLD if self.aim.told_about else 1
        tells_more = self.is_unsure or self.aim.is_event  # the sentence behind tells it
        needs_next, adding = tells_more or followed(self.question), not (tells_more or is_yes_or_no(self.question))
        passages = self.attached.passages
        said = statements(passages, self.aim.stated_about, self._model.encoder, most, adding=adding)
        said = [whole(one, passages) for one in said]
        if asks_what_happens(self.question) and not needs_next:
            said = [with_otherwise(one, passages) for one in said]
        return [with_next(one, passages) for one in said] if needs_next else said

    @property
    def is_unsure(self) -> bool:
        """Whether the decoder gives a reason, or tells what happened, in words that are unlikely to it, as those are that it makes
        up."""
        is_given = (self.aim.is_reason or self.aim.is_event) and not says_nothing(self.text)
        return is_given and self._log_probability < _LIKELY * len(self.tokens)

    @property
    def _tells_what_happened(self) -> bool:
        """Whether the decoder surely tells what happened, and not what the question says."""
        is_told = self.aim.is_event and not (says_nothing(self.text) or self.is_unsure)
        return is_told and not adds_nothing(self.text, self.question)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self._started

    def next(self) -> Step | None:
        """What to run next; None once the answer has ended."""
        if self.ended is not None:
            return None
        prompt = self._prompt
        if self._is_new_prompt:
            self._is_new_prompt = False
            ids = prompt.question_ids[self._shared_tokens :]
            step = Step(0, prompt.passage_ids, prompt.passage_spans, ids, self._horizon)
        else:
            last = torch.tensor(self.tokens[-1:])
            nothing = prompt.passage_ids[:0], prompt.passage_spans[:0]
            step = Step(self._run_tokens, *nothing, last, self._horizon)
        self._run_tokens = step.kept_tokens + step.tokens
        return step

    def take(self, logits: Tensor) -> str:
        """Choose the next token by the logits (1, vocab) of the last step; return the text to show now, often none."""
        if len(self.tokens) >= MAX_ANSWER_TOKENS or self._run_tokens >= self._room_tokens:
            self.ended = "length"
            return ""
        if self._is_from_memory and not self.tokens and self._refusal_in(logits) >= self._memory_threshold:
            self.text = self.held = NOT_SAID
            self.ended = "finished"
            return ""
        if self._choice.is_open and (prompt := self._choose(logits)) is not self._prompt:
            self._look_at(prompt)
            return ""
        if self._may_answer_otherwise and not self.tokens:
            self._first_logits, self._prompt_tokens = logits[-1:].clone(), self._run_tokens
        return self._take(logits)

    def _take(self, logits: Tensor) -> str:
        token = greedy_token(self.tokens, logits)
        if token in self._model.end_ids:
            self._finish()
            return ""
        # For other tokens the sum over the vocabulary is not needed.
        if self.aim.is_reason or self.aim.is_event or (self._may_answer_otherwise and may_become_refusal(self.text)):
            self._log_probability += float(logits[-1].float().log_softmax(-1)[token])
        self.tokens.append(token)
        piece = self._stream.step(self._model.decoder.tokenizer.backend_tokenizer, token) or ""
        piece = piece if self.text else piece.lstrip()
        self.text += piece
        self.held += piece
        if (
            self._may_answer_otherwise
            and says_nothing(self.text)
            and math.exp(self._log_probability) < self._refusal_threshold
        ):
            return self._answer_otherwise()
        if self._is_held:
            return ""
        self._note_first_token()
        shown, self.held = self.held, ""
        return shown

    @property
    def _is_held(self) -> bool:
        """Whether nothing of the answer is shown yet, as another one may replace it."""
        if (
            self.aim.is_held_back
            or self.takes_sentence
            or self._asks_for_day
            or self._may_be_step
            or self._is_from_memory
            or ((self._choice.is_open or self._may_answer_otherwise) and may_become_refusal(self.text))
        ):
            return True
        if self.held != self.text:
            return False
        return (self._may_add_nothing and may_add_nothing(self.text, self.question)) or (
            bool(self.looked_again)
            and (
                may_begin_with_figure(self.text)
                or (self.aim.is_manner and is_no_manner(self.text))
                or may_be_place(self.text, self.question)
                or may_be_of_another_kind(self.text, self.question)
                or self._sight.invents_name(self.text)
            )
        )

    def stop(self) -> None:
        """End the answer here; between two passages, where there is nothing yet, it goes on to the next token."""
        if self.tokens and self.ended is None:
            self.ended = "stopped"

    def attend(self) -> None:
        """Note what question and answer attended to, while their keys stand behind the memory."""
        self._note_first_token()  # where all of the answer was held back
        if self.queries is None:
            return
        started = time.perf_counter()
        last = self._prompt.asked_tokens + len(self.tokens)
        with torch.inference_mode(), self._model.lock:
            self.attention = Attention.of(self.attached.memory, self.queries, last)
        self.attend_seconds = time.perf_counter() - started

    @property
    def _horizon(self) -> int | None:
        return self._model.passage_horizon if self._prompt.passages else None

    def _begin(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._is_new_prompt = True
        self._may_answer_otherwise = self._refusal_threshold > 0
        self._sight = InSight(self.attached, prompt, self.question, self._said)
        self._may_be_step = asks_how_to(self.question) and has_steps(self._sight.page)
        self.ended = None
        self._begin_answer()
        if self.queries is not None:
            self.queries.clear()

    def _begin_answer(self) -> None:
        self.tokens: list[int] = []
        self._log_probability = 0.0
        self._refusal_probability = 1.0  # of its beginning, while it is open which passage answers
        self._stream = DecodeStream(skip_special_tokens=True)
        self.text = self.held = ""

    def _answer_otherwise(self) -> str:
        """Answer the same prompt again with another first token."""
        assert self._first_logits is not None
        self._first_logits[:, self.tokens[0]] = -torch.inf
        self._may_answer_otherwise = False
        self._run_tokens = self._prompt_tokens
        if self.queries is not None:
            for own in self.queries.values():
                del own[1:]  # those of the answer that is not given
        self._begin_answer()
        return self._take(self._first_logits)

    def _choose(self, logits: Tensor) -> Prompt:
        """The prompt to run next: the present one where it answers, or where another token must decide.

        The first token shows the probability of a refusal; where an answer may begin with the refusal's first word, the second
        token does. A passage that has the cell of a table for the question answers.

        Args:
            logits: (1, vocab), of the next token behind the present prompt.
        """
        self._refusal_probability *= self._refusal_in(logits)
        if any(shown.has_cell for shown in self._prompt.shown):
            self._refusal_probability = -math.inf
        is_likely = self._refusal_probability >= self._choice.sure
        if is_likely and not self.tokens and greedy_token(self.tokens, logits) == self._refusal_ids[0]:
            return self._prompt
        return self._choice.after(self._refusal_probability, self._prompt)

    def _refusal_in(self, logits: Tensor) -> float:
        """The probability, by logits (1, vocab), of the refusal's next token; the answer so far is the refusal's beginning."""
        return float(logits[-1].float().softmax(-1)[self._refusal_ids[len(self.tokens)]])

    def _finish(self) -> None:
        """End an answer: worded as the passage has it, an item with the others of its list, in a whole sentence how something is
        done. Where it cannot be right, look at the next passage, or return to one that was less sure to answer; where there is
        none, the document does not say."""
        self.ended = "finished"
        is_held, is_wrong = self.held == self.text, False
        if is_held:
            text = self._sight.worded(self.text, self.aim.role)
            count = self._sight.count(text)
            is_wrong = not count and self._sight.cannot_be_right(text)
            self.text = self.held = count or text
        if is_held and not is_wrong and self.wants_evidence and self._may_add_nothing:
            self.takes_sentence |= adds_nothing(self.text, self.question)
        if is_wrong or contradicts(self.text, self.aim.kinds):
            if other := self._choice.without(self._prompt):
                self._look_at(other)
                return
            self.text = self.held = NOT_SAID
        else:
            page, passage = self._sight.page, self._sight.passage  # a list may have items behind the passage
            if is_held:
                self.text = self.held = with_other_items(self.text, self.question, page)
                if self.aim.is_manner and is_no_manner(self.text):
                    self.text = self.held = in_own_sentence(self.text, self.question, passage)
            more = further_place(self.question, self.text, passage) or listed(self.text, page)
            self.text, self.held = self.text + more, self.held + more
        first, *others = self.attached.sources
        if self.aim.role and not others:
            self.text = self.held = as_credited(self.text, self.aim.role, first)
        if self._asks_for_day:
            # The memory behind a passage may have answered: then the one place of the document that says the same.
            places = self._prompt.passages, self.attached.passages.all
            self.text = self.held = with_day(self.text, places, self.attached.sources)
        if self.held == self.text and says_nothing(self.text) and asks_for_payment(self.question):
            rows = self.attached.passages.rows_asked(self.question)
            self.text = self.held = rows[0].text if len(rows) == 1 else self.text
        if self._is_from_memory:
            self.text = self.held = self.text if self._is_printed else NOT_SAID
        elif self._memory_threshold and self.looked_again and self.held == self.text and says_nothing(self.text):
            self._ask_memory()

    def _ask_memory(self) -> None:
        """Ask the memory alone, as the decoder refuses behind all passages."""
        self._is_from_memory = True
        self._choice.close()
        self._begin(make_prompt(self.question, self._model))

    @property
    def _is_printed(self) -> bool:
        """Whether the document prints the answer in these words."""
        words = mention(self.text)
        return any(words.search(page.text) for source in self.attached.sources for page in source.pages)

    def _look_at(self, prompt: Prompt) -> None:
        # A passage is looked at in place of the nearest sentences, which did not answer alone.
        nearest = self._choice.nearest
        self.looked_again = [*(one for one in self.looked_again if one.passages != (nearest,)), prompt]
        self._begin(prompt)

    def _note_first_token(self) -> None:
        if not self.first_token_seconds:
            self.first_token_seconds = self.seconds


def keep_behind(memory: Memory, mark: Mark, tokens: int) -> None:
    """Keep so many raw tokens behind a mark, and forget those after them."""
    memory.back_to(dataclasses.replace(mark, slots=mark.slots + tokens, tail=memory.tail[: len(mark.tail) + tokens]))
