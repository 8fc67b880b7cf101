"""The child process of `isolation`: one request in, one document out."""

from __future__ import annotations

from .isolation import main

main()
