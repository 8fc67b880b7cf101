"""The Activation Beacon plug-in: tensors in, tensors out."""

from reader.beacon.attention import ATTENTION, attending, largest_weights, recording, shares
from reader.beacon.config import BeaconConfig
from reader.beacon.layout import NO_SPAN
from reader.beacon.low_rank import AnswerWeights
from reader.beacon.memory import KeysWritten, Mark, Memory, load_loops
from reader.beacon.plugin import BeaconPlugin, Logits, Output
from reader.beacon.ratio import RatioChooser, adapt_ratio
from reader.beacon.rotary import check_decoder, max_positions, rotation
from reader.beacon.rounding import quantise, quantise_to_int4, quantise_to_int8
from reader.beacon.row_spans import pack_row_spans, unpack_row_spans
from reader.beacon.rows import RowChooser
from reader.beacon.shared_prefix import Branch, Branches

__all__ = [
    "ATTENTION",
    "NO_SPAN",
    "AnswerWeights",
    "BeaconConfig",
    "BeaconPlugin",
    "Branch",
    "Branches",
    "KeysWritten",
    "Logits",
    "Mark",
    "Memory",
    "Output",
    "RatioChooser",
    "RowChooser",
    "adapt_ratio",
    "attending",
    "check_decoder",
    "largest_weights",
    "load_loops",
    "max_positions",
    "pack_row_spans",
    "quantise",
    "quantise_to_int4",
    "quantise_to_int8",
    "recording",
    "rotation",
    "shares",
    "unpack_row_spans",
]
