from .books import Book as Book, BookTokens as BookTokens, load_books as load_books
from .hiding import (
    Encode as Encode,
    HiddenBook as HiddenBook,
    hide as hide,
    hide_at_random as hide_at_random,
    hide_in_books as hide_in_books,
)
from .questions import Question as Question, load_questions as load_questions

__all__ = [
    "Book",
    "BookTokens",
    "Encode",
    "HiddenBook",
    "Question",
    "hide",
    "hide_at_random",
    "hide_in_books",
    "load_books",
    "load_questions",
]
