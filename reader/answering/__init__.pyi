from .answer import (
    Answer as Answer,
    AnswerPart as AnswerPart,
    as_part as as_part,
    ask as ask,
    put_together as put_together,
)
from .attached import (
    AttachedMemory as AttachedMemory,
    attach as attach,
    attach_shelf as attach_shelf,
    source_of as source_of,
)
from .conversations import Conversation as Conversation
from .decoding import Decoding as Decoding, Step as Step, greedy_token as greedy_token
from .evidence import Evidence as Evidence
from .extractive.introductions import introduced as introduced
from .extractive.notes import Note as Note, notes_of as notes_of
from .look_again import look_again_tokens as look_again_tokens
from .memories import choose_memory as choose_memory
from .parts import Part as Part, parts as parts, parts_of as parts_of
from .passages import (
    LOOK_AGAIN_TOKENS as LOOK_AGAIN_TOKENS,
    Passage as Passage,
    Source as Source,
    cut as cut,
)
from .prompt import (
    MAX_ANSWER_TOKENS as MAX_ANSWER_TOKENS,
    PASSAGES as PASSAGES,
    QUESTION as QUESTION,
    make_prompt as make_prompt,
    passage_heading as passage_heading,
    question_words as question_words,
)
from .refusal import NOT_SAID as NOT_SAID, says_nothing as says_nothing
from .text.outline import is_front_matter as is_front_matter
from .text.people import Named as Named, people as people
from .text.words import content_words as content_words

__all__ = [
    "LOOK_AGAIN_TOKENS",
    "MAX_ANSWER_TOKENS",
    "NOT_SAID",
    "PASSAGES",
    "QUESTION",
    "Answer",
    "AnswerPart",
    "AttachedMemory",
    "Conversation",
    "Decoding",
    "Evidence",
    "Named",
    "Note",
    "Part",
    "Passage",
    "Source",
    "Step",
    "as_part",
    "ask",
    "attach",
    "attach_shelf",
    "choose_memory",
    "content_words",
    "cut",
    "greedy_token",
    "introduced",
    "is_front_matter",
    "look_again_tokens",
    "make_prompt",
    "notes_of",
    "parts",
    "parts_of",
    "passage_heading",
    "people",
    "put_together",
    "question_words",
    "says_nothing",
    "source_of",
]
