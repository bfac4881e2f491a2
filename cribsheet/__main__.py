"""Run the command line as `python -m cribsheet`."""

from cribsheet.cli import main

main()
