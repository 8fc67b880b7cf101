"""The Activation Beacon plug-in: tensors in, tensors out."""

from reader.beacon.attention import recording, shares
from reader.beacon.branches import Branch, Branches
from reader.beacon.config import BeaconConfig
from reader.beacon.memory import Memory, quantise
from reader.beacon.plugin import NO_SPAN, BeaconPlugin, max_positions
from reader.beacon.ratio import RatioChooser, adapt_ratio

__all__ = [
    "NO_SPAN",
    "BeaconConfig",
    "BeaconPlugin",
    "Branch",
    "Branches",
    "Memory",
    "RatioChooser",
    "adapt_ratio",
    "max_positions",
    "quantise",
    "recording",
    "shares",
]
