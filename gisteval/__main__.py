"""`python -m gisteval`."""

from gisteval.cli import main

if __name__ == "__main__":
    main()
