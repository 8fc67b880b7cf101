from .cluster import RayEngine as RayEngine
from .columns import is_unnamed as is_unnamed, questions_in as questions_in, rows_in as rows_in
from .engine import BatchProgress as BatchProgress, BatchSummary as BatchSummary, Engine as Engine, batch as batch
from .local import (
    BATCH_SIZE as BATCH_SIZE,
    LocalEngine as LocalEngine,
    answer_together as answer_together,
)
from .questions import BatchQuestion as BatchQuestion, Group as Group, load_questions as load_questions
from .results import Result as Result, Results as Results

__all__ = [
    "BATCH_SIZE",
    "BatchProgress",
    "BatchQuestion",
    "BatchSummary",
    "Engine",
    "Group",
    "LocalEngine",
    "RayEngine",
    "Result",
    "Results",
    "answer_together",
    "batch",
    "is_unnamed",
    "load_questions",
    "questions_in",
    "rows_in",
]
