"""Expected failures, each one line of the command line with its exit code; what such lines are made of."""

from __future__ import annotations

from collections.abc import Iterable

UNEXPECTED = 70
"""Exit code of an error that nobody foresaw, a bug: none of a gate's verdicts, nor of an expected error."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for an error message, (did you mean ...?); empty if no known name is close."""
    import difflib  # only a mistake needs it, not every start

    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def printable(text: str) -> str:
    """A text on one line, with a space for whatever would break that or steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def printable_lines(text: str) -> str:
    """A text whose own line breaks stay, each of its lines made printable."""
    return "\n".join(map(printable, text.split("\n")))


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, such as `1,000 examples`. `plural` is for nouns that don't end in s then."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


class GistevalError(Exception):
    """An expected error: the message says what is wrong, where, and what to do about it, on one line."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        # It may quote a file's or a server's text.
        super().__init__(printable(message))


def one_line(error: BaseException, longest: int = 300) -> str:
    """A library's error as part of one line: its text without line breaks, or else its type."""
    text = " ".join(printable(str(error)).split()) or type(error).__name__
    return text if len(text) <= longest else text[: longest - 3] + "..."


class InvalidRun(GistevalError):
    """The run's data can't support an answer (mismatched examples, too many failures)."""

    exit_code = 4


class MissingExtra(GistevalError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"the package {package!r} is not installed: run pip install 'gisteval[{extra}]'")
