from .beacon import Beacon as Beacon
from .full_attention import FullAttention as FullAttention
from .lean_context import LeanContext as LeanContext
from .registry import (
    Entry as Entry,
    Setup as Setup,
    check_names as check_names,
    fitting_ratio as fitting_ratio,
    line_up as line_up,
    misfit as misfit,
)
from .retrieval import Retrieval as Retrieval
from .self_extend import SelfExtend as SelfExtend
from .sliding_window import SlidingWindow as SlidingWindow
from .strategy import Context as Context, Strategy as Strategy

__all__ = [
    "Beacon",
    "Context",
    "Entry",
    "FullAttention",
    "LeanContext",
    "Retrieval",
    "SelfExtend",
    "Setup",
    "SlidingWindow",
    "Strategy",
    "check_names",
    "fitting_ratio",
    "line_up",
    "misfit",
]
