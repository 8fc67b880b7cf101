"""`python -m reader`."""

import sys

from reader.shell.main import main

sys.exit(main())
