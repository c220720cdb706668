"""The command line, one file a command."""

from gisteval.cli.app import main

__all__ = ["main"]
