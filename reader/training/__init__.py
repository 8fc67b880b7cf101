"""Training of the plug-in, of answer weights, and of decoders whose positions are lengthened.

One loop (`loop.py`) trains all three. Each has an objective that computes a sample's losses (`objectives/`). This file imports
nothing, so that the shell can show a run's settings without loading torch.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
