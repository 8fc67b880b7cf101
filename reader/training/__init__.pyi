from .config import TrainingConfig as TrainingConfig
from .data import Books as Books, Sample as Sample, read_questions as read_questions
from .loop import TrainingProgress as TrainingProgress, train as train
from .losses import next_token as next_token
from .mixture import Mixture as Mixture
from .objectives.beacon import BeaconObjective as BeaconObjective
from .objectives.positions import PositionsObjective as PositionsObjective
from .plots import plot_losses as plot_losses

__all__ = [
    "BeaconObjective",
    "Books",
    "Mixture",
    "PositionsObjective",
    "Sample",
    "TrainingConfig",
    "TrainingProgress",
    "next_token",
    "plot_losses",
    "read_questions",
    "train",
]
