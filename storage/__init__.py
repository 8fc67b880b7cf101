"""The library on disk: SQLite rows and safetensors files. It knows no tensor library and nothing of reader/."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
