"""Batches: many questions about many documents, answered into a file, which continue after any stop.

The way of the data: questions (a file) → groups by document → an engine, which answers → results (a file). What is done is what
the output file says, nothing else. It parses no flags.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
