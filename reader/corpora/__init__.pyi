from .books import Book as Book, BookTokens as BookTokens, load_books as load_books
from .questions import Question as Question, load_questions as load_questions

__all__ = ["Book", "BookTokens", "Question", "load_books", "load_questions"]
