"""Tasks, metrics and plots that measure how much of a document a long-context method remembers."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
