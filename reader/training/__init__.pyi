from .config import (
    LENGTHENING_METHODS as LENGTHENING_METHODS,
    LengtheningSettings as LengtheningSettings,
    PluginSettings as PluginSettings,
    TrainingConfig as TrainingConfig,
)
from .data import Books as Books, Sample as Sample
from .loop import TrainingProgress as TrainingProgress, train as train
from .losses import next_token as next_token
from .mixture import Mixture as Mixture
from .objectives.beacon import BeaconObjective as BeaconObjective
from .objectives.positions import PositionsObjective as PositionsObjective
from .plots import plot_losses as plot_losses
from .recipes import Recipe as Recipe, lengthening_recipe as lengthening_recipe, plugin_recipe as plugin_recipe
from .scorer import fit_scorer as fit_scorer

__all__ = [
    "LENGTHENING_METHODS",
    "BeaconObjective",
    "Books",
    "LengtheningSettings",
    "Mixture",
    "PluginSettings",
    "PositionsObjective",
    "Recipe",
    "Sample",
    "TrainingConfig",
    "TrainingProgress",
    "fit_scorer",
    "lengthening_recipe",
    "next_token",
    "plot_losses",
    "plugin_recipe",
    "train",
]
