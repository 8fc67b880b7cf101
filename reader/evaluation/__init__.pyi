from .lm import LM_STRATEGIES as LM_STRATEGIES, LmSettings as LmSettings, evaluate_lm as evaluate_lm
from .longbench import LONGBENCH_STRATEGIES as LONGBENCH_STRATEGIES, evaluate_longbench as evaluate_longbench
from .plots import plot as plot
from .qa import QA_STRATEGIES as QA_STRATEGIES, QaSettings as QaSettings, evaluate_qa as evaluate_qa
from .report import Report as Report, Row as Row, Skipped as Skipped
from .synthetic import (
    SYNTHETIC_STRATEGIES as SYNTHETIC_STRATEGIES,
    SyntheticSettings as SyntheticSettings,
    evaluate_synthetic as evaluate_synthetic,
)

__all__ = [
    "LM_STRATEGIES",
    "LONGBENCH_STRATEGIES",
    "QA_STRATEGIES",
    "SYNTHETIC_STRATEGIES",
    "LmSettings",
    "QaSettings",
    "Report",
    "Row",
    "Skipped",
    "SyntheticSettings",
    "evaluate_lm",
    "evaluate_longbench",
    "evaluate_qa",
    "evaluate_synthetic",
    "plot",
]
