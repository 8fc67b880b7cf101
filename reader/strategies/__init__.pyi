from .beacon import Beacon as Beacon
from .full_attention import FullAttention as FullAttention
from .registry import (
    Entry as Entry,
    Progress as Progress,
    fitting_ratio as fitting_ratio,
    line_up as line_up,
    make_report as make_report,
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
    "Progress",
    "Retrieval",
    "SelfExtend",
    "SlidingWindow",
    "Strategy",
    "fitting_ratio",
    "line_up",
    "make_report",
    "misfit",
]
