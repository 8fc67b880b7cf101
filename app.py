"""Starts the app in the browser: `python app.py`."""

from reader.app.main import main

if __name__ == "__main__":
    raise SystemExit(main())
