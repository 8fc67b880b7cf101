"""The browser's side of the app: the page's layout, its callbacks, and the HTML that they show.

What they show and set going is `reader.app.workspace`'s. Nothing here reads flags or the environment.
"""

from __future__ import annotations

import inspect
from typing import Never

_getfile = inspect.getfile


def _no_file(_: object) -> Never:
    raise OSError("Gradio needs no stub file.")


# Whenever Gradio is imported, it parses the source of each of its components to write a stub file beside it. That takes a third of
# the import, and an installed Gradio has these files. A class without a source file gets none.
inspect.getfile = _no_file  # type: ignore[assignment]
try:
    import gradio  # noqa: F401
finally:
    inspect.getfile = _getfile
