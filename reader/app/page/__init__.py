"""The browser's side of the app: layout and callbacks, what they show, who may see it, and what programs may call.

Blocks, callbacks and HTML; what they show and set going is `reader.app.workspace`'s. Nothing here reads flags or the environment.
"""
