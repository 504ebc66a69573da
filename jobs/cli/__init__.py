"""The command `scott`: each verb is a thin face on one function of jobs, scott_core or extractors.

Exit codes: 0 done; 2 the input or the arguments are wrong (one line on stderr says which); 1 we failed.
Results go to stdout, progress and errors to stderr. Each verb imports what it needs when it runs.
"""

from jobs.cli.command import main

__all__ = ["main"]
