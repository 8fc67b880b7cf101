"""Rival long-context methods behind one interface, for comparison.

To add one: a module named after its class, a subclass of `Strategy` that reads token ids and attaches for a question, a docstring
with the paper's link, and a line here and in `reader/evaluation`. It touches neither disk nor UI.
"""

from reader.strategies.beacon import Beacon
from reader.strategies.full_attention import FullAttention
from reader.strategies.retrieval import Retrieval
from reader.strategies.self_extend import SelfExtend
from reader.strategies.sliding_window import SlidingWindow
from reader.strategies.strategy import Context, Strategy

__all__ = ["Beacon", "Context", "FullAttention", "Retrieval", "SelfExtend", "SlidingWindow", "Strategy"]
