"""`python -m jobs.cli`: the command `scott` where the package is not installed."""

import sys

from jobs.cli import main

sys.exit(main())
