"""Choosers: which rows of a window the memory keeps. Tensors only; beacons are condensed by the plug-in.

To add a method, write a module with a class that is a `reader.beacon.RowChooser`, link the paper in its docstring, and add a
line to `CHOOSERS`. A chooser sees one layer of one window at a time, so reading needs constant memory.
"""

from reader.condensing.expected_attention import ExpectedAttention
from reader.condensing.fitted import Fitted, LayerScorer, query_features
from reader.condensing.replay import Replay
from reader.condensing.shares import measure_shares
from reader.condensing.spread import Spread

CHOOSERS = {"expected-attention": ExpectedAttention, "replay": Replay, "spread": Spread}
"""Name -> the class of a method that needs nothing fitted. `Fitted` comes with a plug-in."""

ROW_METHODS = (*CHOOSERS, "fitted")
"""The names of all methods that keep rows."""

DEFAULT_CHOOSER = "expected-attention"
"""The method for a decoder without a plug-in: it has the lowest loss of those that need no training."""

__all__ = [
    "CHOOSERS",
    "DEFAULT_CHOOSER",
    "ROW_METHODS",
    "ExpectedAttention",
    "Fitted",
    "LayerScorer",
    "Replay",
    "Spread",
    "measure_shares",
    "query_features",
]
