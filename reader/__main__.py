"""`python -m reader`, and the command `beacon-reader`."""


def run() -> int:
    """Run one command; return its exit status."""
    try:
        from reader.shell.main import main

        return main()
    except KeyboardInterrupt:  # while modules are imported, before the command begins
        return 130


if __name__ == "__main__":
    raise SystemExit(run())
