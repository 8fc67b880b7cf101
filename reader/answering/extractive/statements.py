"""What a document states about a question, such as one for yes or no: a sentence, or two where the second needs the first.

Small decoders seldom say yes or no, and answer with a piece of some sentence near by. The sentence that has most of the question's
words, each counted the more the rarer it is, and that is similar in meaning, says it better. It runs no decoder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reader.answering.evidence import QUOTE_CHARS
from reader.answering.passages import Passage, Passages, passage_of, sentences_of
from reader.answering.refusal import NOT_SAID, says_nothing
from reader.answering.text.excerpts import excerpt
from reader.answering.text.words import STOP_WORDS, content_words, mention, stem, subject_words, words_of
from reader.models import SentenceEncoder
from reader.reading import sentences, shortened
from reader.wording import SENTENCE_ENDS
from storage import TextIndex

_CANDIDATES = 20
"""Passages whose sentences are compared."""

_SURE, _LIKELY, _UNLIKELY = 1.2, 0.95, 0.75
"""A statement is clearly, or probably, about the question where words and meaning come to so much together, and hardly where they
come to less: chosen on 79 questions of our own."""

_SURE_RULE, _LIKELY_RULE = 0.9, 0.75
"""The same of a rule about what one may or must do, chosen on 110 questions of our own for leave."""

_ELSEWHERE = 0.6
"""A reason is not given where no statement comes to so much: of 65 questions on FairytaleQA's stories one is below, with another
part of the story 19 are."""

_SECOND = 0.15
"""What a second sentence must add."""

_SHORT_WORDS = 6
"""Fewer words may say little without the sentence before them, as in "Do not do it."."""

_HEADING = 0.15
"""What a line without an end mark, which may be a heading, must have more than a sentence."""

_EITHER = r"(?:yes|no|ja|nein|oui|non|s[ií])"
_YES_OR_NO = re.compile(rf"{_EITHER}\W*", re.I)
_NO = re.compile(r"(?:no|nein|non)\W*", re.I)
ALL_WORDS = 0.999
"""The share of a question's words that is all of them, but for rounding."""
_DENIES = re.compile(
    r"\b(?:no[rt]?|never|none|nobody|nothing|neither|without|only|except|unless|until|but|(?:can|won)['’]?t|cannot|nicht\w*|kein\w*"
    r"|nie\w*|ohne|nur|erst|aber|außer|ne|n['’]|pas|jamais|aucun\w*|sans|sauf|mais|nunca|nadie|nada|sin|s[oó]lo|salvo|pero|unable"
    r"|unavailable|imposs?ible|unmöglich|forb\w+|prohib\w+|verboten|untersagt|interdit\w*|défendu\w*|closed?|clos\w+|ban\w*"
    r"|refus\w+|den(?:y|ies|ied))\b|n['’]t\b",
    re.I,
)
"""What a sentence may deny something with, in part, too."""
_RULES = re.compile(
    r"\b(?:may|must|shall|should|cannot|can|need(?:s|ed)?|ha(?:s|ve) to|allow\w*|permi(?:t\w*|ssion)|forb\w+|prohibit\w*|entitled?"
    r"|requir\w+|oblig\w+|consent|approv\w+|unless|provided|only|never|not|darf|dürfen|muss|müssen|kann|können|erlaub\w+|gestattet"
    r"|verboten|untersagt|\w*zulässig|zustimmung|nur|nicht|keine?|peu[tx]|peuvent|doi(?:t|s|vent)|interdit\w*|permis\w*"
    r"|autoris\w+|défendu\w*|tenue?s?|sauf|seulement|pueden?|deben?|permit\w+|autoriz\w+|s[oó]lo|salvo)\b",
    re.I,
)
"""What a sentence has that says what one may or must do."""
_BEGINS_WITH_IT = re.compile(rf"{_EITHER}[.,;:!]", re.I)
_ENDS = re.compile(rf"[.!?…{SENTENCE_ENDS}:;][\W_]*")

_CLAUSE_WORDS = 4
"""An answer of so many words may be as good as a sentence."""

_SAYS_HOW = re.compile(
    r"\b(?:by|with|through|using|via|in|on|as|from|into|to|at|over|under|until|without|after|when|only|not|no|well|fast|hard"
    r"|\A\w+(?:ing|ly|ed)|(?-i:[a-z]\w*(?:ing|ly|ed)))\b|\d",
    re.I,
)
"""What an answer has that says how; a name such as *Named Entity* does not."""

_MOST = 0.6
"""The share of a question's words that a sentence with a reason has. Of 63 such sentences for 287 questions of FairytaleQA that ask
why, 0.65 have most words of the answer, of 54 with fewer of the question's words 0.41."""

_CUT_OFF = re.compile(r"[,;:–—]$")
"""How a piece of a sentence ends that is cut off."""
_ITEM = re.compile(r"\w[.)]")
"""The letter of a list's item."""
_AFTER = re.compile(
    r"\W*(?:(?:and|then) )?(?:after|once|when|as soon as|nach|nachdem|sobald|wenn|danach|après|dès que|quand|después|cuando)\b",
    re.I,
)
"""How a sentence begins that says what comes after something."""
_MOST_FOLLOWING_CHARS = 600
_OTHERWISE = re.compile(
    r"\W*(?:otherwise|failing (?:this|that|which)|if (?:not|[^.;,]{1,60}(?:\bnot\b|n['’]t\b|\bfails?\b))|andernfalls|sonst"
    r"|ansonsten|wenn [^.;]{1,60}\bnicht\b|sinon|à défaut|faute de|(?:si|qui) [^.;,]{0,30}\bn(?:e |['’])|de lo contrario|si no"
    r"|en caso contrario)",
    re.I,
)
"""How a sentence begins that says what happens if the one before it is not kept."""

_ASKS = re.compile(r"[?？][\"'”’»)\]*_]*\s*\Z")
"""The end of a question."""

_NUMBER = re.compile(r"\A[#*\s]*\d[\d.]*\s+")
"""The number of a heading."""

_REASON = re.compile(
    r"\b(?:because|since|lest|owing to|due to|thanks to|on account of|caused by|as a result|therefore|thus|consequently|so as to"
    r"|(?:that|this) (?:is|was) why|in order|so that|seeing that|being (?:too|so|very|afraid|proud)"
    r"|for (?:he|she|it|they|we|you|I|the|this|that|there|his|her|its|their|all|no|some|fear|want|lack)"
    r"|(?<!far )(?<!soon )(?<!long )(?<!well )as (?:he|she|it|they|there|the|his|her)"
    r"|weil|damit|wegen|aufgrund|infolge|parce qu\w*|puisqu\w*|afin|pour que|à cause"
    r"|en raison|grâce|porque|puesto que|ya que|para que|debido|a causa|perch[eé]|poich[eé]|siccome|affinch[eé]|dato che"
    r"|(?<=[,;] )(?:denn|da|car|pues))\b",
    re.I,
)

_BEFORE_THAT = re.compile(r"\b(?:had|hatten?|avai(?:t|ent)|hab[ií]an?)\b", re.I)
"""What had happened before may be why something happened."""
_PRONOUN = re.compile(
    r"\b(?:it|its|she|he|her|him|his|they|them|their|this|these|that|those"
    r"|es|sie|er|ihn|ihm|ihr|diese[rs]?|il|elle|ils|elles|lui|leur|ce|cette|ces|ella|ellos|ellas|este|esta|estos|estas)\b",
    re.I,
)


@dataclass(frozen=True)
class Statement:
    """One sentence of a document, or two, and how much it has to do with a question."""

    passage: Passage
    words: float
    """The share of the question's words that it has, each weighed by how rare it is; 0 to 1."""
    meaning: float | None
    """The cosine of its vector and the question's; None where sentences have none."""

    @property
    def text(self) -> str:
        """Its words as they stand alone, without the question that it answers, or one behind, and with an ellipsis where it is cut
        from a longer one."""
        words = _CUT_OFF.sub(" …", " ".join(self.passage.text.split()))
        first, *others = sentences_of(words) or [""]
        if others and _ASKS.search(first) and not others[0][:1].islower():
            first, *others = others
        if others and _ASKS.search(others[-1]):
            others.pop()
        words = excerpt(" ".join([first, *others]))
        goes_on = words[:1].islower() and not _ITEM.match(words)
        return f"… {words}" if goes_on else words

    @property
    def score(self) -> float:
        """How much it has to do with the question, 0 to 2."""
        return self.words + (self.words if self.meaning is None else self.meaning)

    @property
    def says_all(self) -> bool:
        """Whether it has all words of the question, or most of them and their meaning."""
        return self.words >= ALL_WORDS or (self.words >= _MOST and self.score >= _SURE)


def statements(
    passages: Passages, question: str, encoder: SentenceEncoder | None, most: int = 1, *, adding: bool = False
) -> list[Statement]:
    """What the documents state about a question, the surest first, none in another; empty where they have none of its words.

    Args:
        adding: only what has other words than the question's, too: for a question for yes or no, these words may be all.
    """
    words = subject_words(question)
    near = [passages.all[number] for number in passages.rank(question, encoder, _CANDIDATES)]
    spans = list(dict.fromkeys(span for passage in near for span in _spans(passage)))
    if adding:
        spans = [one for one in spans if not adds_nothing(_NUMBER.sub("", one[0].text), question)]
    if not spans:
        return []
    index = TextIndex(passage.text for passage, _ in spans)
    found = {word: set(index.search([word], len(spans))) for word in words}
    alone = {number for number, (_, count) in enumerate(spans) if count == 1}
    weights = {word: math.log((len(alone) + 1) / (len(alone & found[word]) + 0.5)) for word in words}
    similar: Sequence[float | None] = passages.similarities(question, [passage for passage, _ in spans], encoder)
    total = sum(weights.values())
    stated = [
        (Statement(passage, sum(weights[word] for word in words if number in found[word]) / total, meaning), count)
        for number, ((passage, count), meaning) in enumerate(zip(spans, similar or [None] * len(spans), strict=True))
    ]
    stated.sort(key=lambda one: _SECOND * (one[1] - 1) + _as_heading(one[0]) - one[0].score)
    chosen: list[Statement] = []
    for one, _ in stated:
        if not any(one.passage.touches(other.passage) or one.text == other.text for other in chosen):
            chosen.append(one)
        if len(chosen) == most:
            break
    return chosen


def with_next(said: Statement, passages: Passages) -> Statement:
    """What a document states about something, with the sentence behind it; alone if it says itself what comes after that."""
    if _AFTER.match(said.passage.text):
        return said
    page = passages.page_of(said.passage)
    start, end = said.passage.start_char - page.start_char, said.passage.end_char - page.start_char
    ahead = page.text[end : end + QUOTE_CHARS + 1]
    behind = next((span for span in sentences(ahead) if any(map(str.isalpha, ahead[slice(*span)]))), None)
    if behind is None or "\n\n" in page.text[end : end + behind[0]] or end + behind[1] - start > _MOST_FOLLOWING_CHARS:
        return said
    return replace(said, passage=passage_of(page, start, end + behind[1]))


def with_otherwise(said: Statement, passages: Passages) -> Statement:
    """What a document states about something, with the sentence behind it if that says what happens otherwise."""
    both = with_next(said, passages)
    return both if _OTHERWISE.match(both.passage.text[len(said.passage.text) :]) else said


def whole(said: Statement, passages: Passages) -> Statement:
    """What a document states about something, with the whole sentence that it is a piece of, and with another where a small letter
    follows, as behind a speech; unless that is too long."""
    page = passages.page_of(said.passage)
    start, end = said.passage.start_char - page.start_char, said.passage.end_char - page.start_char
    first_char = max(0, start - _MOST_FOLLOWING_CHARS)
    around = page.text[first_char : end + _MOST_FOLLOWING_CHARS]
    spans = [(first_char + first, first_char + last) for first, last in sentences(around)]
    own = [number for number, (first, last) in enumerate(spans) if first < end and last > start]
    first, last = own[0], own[-1]

    def goes_on(number: int) -> bool:
        text = page.text[slice(*spans[number])]
        is_near = "\n\n" not in page.text[spans[number - 1][1] : spans[number][0]]
        return text[:1].islower() and is_near and not _ITEM.match(text)

    first -= first > 0 and goes_on(first)
    last += last + 1 < len(spans) and goes_on(last + 1)
    start, end = spans[first][0], spans[last][1]
    return said if end - start > _MOST_FOLLOWING_CHARS else replace(said, passage=passage_of(page, start, end))


def adds_nothing(answer: str, question: str) -> bool:
    """Whether an answer has no words but the question's, such as "a club" to "What is the Thursday Club?"."""
    return {stem(word) for word in content_words(answer)} <= {stem(word) for word in content_words(question)}


def may_add_nothing(text: str, question: str) -> bool:
    """Whether `adds_nothing` may hold of an answer of which this is the beginning."""
    known = [*STOP_WORDS, *words_of(question)]
    return all(any(one.startswith(word) for one in known) for word in words_of(text))


def in_sentences(answer: str, said: Sequence[Statement], quote: str, *, asks_leave: bool = False) -> str:
    """An answer in sentences: what the document states, behind a yes or no where the decoder said one and the first statement is
    likely to be about the question.

    Where it is not, a clause of the decoder's own stays, and in place of less than a clause comes the quote that the answer rests
    on; where the statement is unlikely, less than a clause is no answer, nor is a clause if it has no word of the question. Where
    the decoder says that the document does not say, the statement is given only if it is sure. A *no* is left out if the sentence
    has all of the question's words and denies nothing.

    Args:
        said: one statement at least, the surest first; the answer has the likely ones, a line each.
        asks_leave: whether the question asks what one may or must do; a rule is likelier to be about it.
    """
    first = said[0]
    is_rule = asks_leave and _RULES.search(first.text)
    sure, likely = (_SURE_RULE, _LIKELY_RULE) if is_rule else (_SURE, _LIKELY)
    stated = "\n".join(one.text for one in said if one is first or one.score >= likely)
    if says_nothing(answer):
        return stated if first.score >= sure else answer
    if first.score >= likely:
        is_denied = first.words < ALL_WORDS or bool(_DENIES.search(stated)) or not _NO.fullmatch(answer)
        is_bare = _YES_OR_NO.fullmatch(answer) and not _BEGINS_WITH_IT.match(stated) and is_denied
        return f"{answer.rstrip('.').capitalize()}. {stated}" if is_bare else stated
    if len(answer.split()) >= _CLAUSE_WORDS and (first.words or first.score >= _UNLIKELY):
        return answer
    return excerpt(quote) if first.score >= _UNLIKELY else NOT_SAID


def is_no_manner(answer: str) -> bool:
    """Whether an answer to how something is done is less than a clause and no manner either, such as *tweets*; *by boat* is one."""
    return 0 < len(answer.split()) < _CLAUSE_WORDS and not _SAYS_HOW.search(answer)


def in_own_sentence(answer: str, question: str, passage: str) -> str:
    """The sentence of a passage that has an answer, the one with most words of the question; the answer where none has it."""
    said = mention(answer)
    asked = {stem(word) for word in content_words(question)}
    own = [
        one for one in sentences_of(passage) if said.search(one) and len(one) <= QUOTE_CHARS and not _ASKS.search(one)
    ]
    best = max(own, key=lambda one: len(asked & {stem(word) for word in content_words(one)}), default=answer)
    return excerpt(best)


def with_reason(answer: str, question: str, said: Statement, passages: Passages, *, is_unsure: bool = False) -> str:
    """An answer to a question for a reason: the statement where it gives one, has most of the question's words, and not two thirds
    of the decoder's, which makes reasons up. Where the decoder was unsure, any statement that has a word of the question, with the
    sentence behind it.

    An answer that only says again what happened gives way to the statement and the sentence behind it, if they may have the reason.
    The document does not say where no statement is about the question, or the answer has no words but the question's.
    """
    if says_nothing(answer):
        is_sure = said.words >= _MOST and _REASON.search(said.text) and said.score >= _SURE
        return said.text if is_sure else answer
    if said.score < _ELSEWHERE:
        return NOT_SAID
    if is_unsure:
        return said.text if said.words else answer
    is_reason = bool(_REASON.search(said.text))
    own, known = ({stem(word) for word in content_words(text)} for text in (answer, said.text))
    if not is_reason and (adds_nothing(answer, question) or (said.words >= ALL_WORDS and own <= known)):
        both = with_next(said, passages).text
        may_say_why = _REASON.search(both) or _BEFORE_THAT.search(both)
        return both if may_say_why else NOT_SAID if adds_nothing(answer, question) else answer
    if said.words < _MOST or not is_reason:
        return answer
    return answer if 3 * len(own & known) >= 2 * len(own) else said.text


def _as_heading(said: Statement) -> float:
    text = said.passage.text
    return 0.0 if _ENDS.search(text[-3:]) else _HEADING


def _spans(passage: Passage) -> Iterator[tuple[Passage, int]]:
    """Each sentence, with the one before it where it is short or has a pronoun, and how many sentences that is.

    A question states nothing: it comes with the sentence behind it, and with the next one, too, where that is only yes or no.
    """
    text = passage.text
    spans = [span for sentence in sentences(text) for span in shortened(text, sentence, QUOTE_CHARS)]
    asked = [bool(_ASKS.search(text[start:end])) for start, end in spans]
    for number, (start, end) in enumerate(spans):
        if asked[number]:
            continue
        said = text[start:end]
        yield _part(passage, start, end), 1
        if not number:
            continue
        first, before = spans[number - 1]
        if asked[number - 1]:
            if _YES_OR_NO.fullmatch(said) and number + 1 < len(spans) and not asked[number + 1]:
                behind, last = spans[number + 1]
                end = end if "\n\n" in text[end:behind] or last - first > QUOTE_CHARS else last
        elif "\n\n" in text[before:start] or not (len(said.split()) < _SHORT_WORDS or _PRONOUN.search(said)):
            continue
        if end - first <= QUOTE_CHARS:
            yield _part(passage, first, end), 2


def _part(passage: Passage, start: int, end: int) -> Passage:
    first = passage.start_char
    return replace(passage, start_char=first + start, end_char=first + end, text=passage.text[start:end])
