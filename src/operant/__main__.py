"""``python -m operant`` is the command line."""

from operant.cli import main

if __name__ == "__main__":
    main()
