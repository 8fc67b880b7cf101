"""Long-context methods with one interface, for comparison.

To add a method, write a module with a subclass of `Strategy` that reads token ids and attaches for a question. Link the paper in
its docstring, register the method in `registry.py` and export the class in `__init__.pyi`. A strategy touches neither disk nor UI.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
