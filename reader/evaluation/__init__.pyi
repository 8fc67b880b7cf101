from .lm import LM_STRATEGIES as LM_STRATEGIES, evaluate_lm as evaluate_lm
from .longbench import LONGBENCH_STRATEGIES as LONGBENCH_STRATEGIES, evaluate_longbench as evaluate_longbench
from .plots import plot as plot
from .qa import QA_STRATEGIES as QA_STRATEGIES, evaluate_qa as evaluate_qa
from .synthetic import SYNTHETIC_STRATEGIES as SYNTHETIC_STRATEGIES, evaluate_synthetic as evaluate_synthetic

__all__ = [
    "LM_STRATEGIES",
    "LONGBENCH_STRATEGIES",
    "QA_STRATEGIES",
    "SYNTHETIC_STRATEGIES",
    "evaluate_lm",
    "evaluate_longbench",
    "evaluate_qa",
    "evaluate_synthetic",
    "plot",
]
