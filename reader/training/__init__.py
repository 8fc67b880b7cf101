"""Training: the plug-in, the weights that answer behind a memory, and decoders lengthened by their positions.

One loop (`loop.py`) for three things that learn, each of which says what a sample costs (`objectives/`).
"""

from reader.training.config import TrainingConfig
from reader.training.loop import train

__all__ = ["TrainingConfig", "train"]
