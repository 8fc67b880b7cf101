"""What several tests share: documents, tiny decoders, a running app."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The project's folder."""
