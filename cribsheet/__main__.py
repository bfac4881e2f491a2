"""Run the command line as `python -m cribsheet`."""

from cribsheet.cli import main

if __name__ == "__main__":
    main()
