"""Training: the plug-in, the weights that answer behind a memory, and decoders lengthened by their positions.

One loop (`loop.py`) for three things that learn, each of which says what a sample costs (`objectives/`). It imports nothing
here, so that the shell can show a run's settings without loading torch.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
