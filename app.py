"""Starts the app in the browser: `python app.py`."""

if __name__ == "__main__":
    try:
        from reader.app.main import main

        status = main()
    except KeyboardInterrupt:  # before the page is served
        status = 130
    raise SystemExit(status)
