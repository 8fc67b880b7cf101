"""Rival long-context methods behind one interface, for comparison.

To add one: a module named after its class, a subclass of `Strategy` that reads token ids and attaches for a question, a docstring
with the paper's link, and a line here and in `reader/evaluation`. It touches neither disk nor UI.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
