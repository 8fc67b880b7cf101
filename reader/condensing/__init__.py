"""What becomes of a window that was just read: beacons are the plug-in's own; rows are chosen here. Tensors only.

To add a way of choosing: a module with a class that has `name` and `choose`, a docstring with the paper's link, and a line in
`CHOOSERS`. It sees one layer of one window at a time, so it streams in constant memory.
"""

from reader.condensing.expected_attention import ExpectedAttention
from reader.condensing.spread import Spread

CHOOSERS = {"expected-attention": ExpectedAttention, "spread": Spread}
"""Name -> the class that chooses rows in this way."""

DEFAULT_CHOOSER = "expected-attention"
"""What a decoder without a plug-in of its own keeps its windows by: of those that need no training, the best by loss."""

__all__ = ["CHOOSERS", "DEFAULT_CHOOSER", "ExpectedAttention", "Spread"]
