"""What commands print: text that can't steer a terminal, strict JSON, and libraries kept quiet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from gisteval.errors import printable_lines

_STEERING = re.compile("[\x7f-\x9f]")
"""Characters that JSON leaves as they are, and some terminals obey."""


def quiet_libraries() -> None:
    """Keep the libraries' own progress bars and advice off the terminal."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def print_text(text: object, file: TextIO | None = None, end: str = "\n") -> None:
    """What a command says, on stdout or another stream: no name in it can steer a terminal."""
    print(printable_lines(str(text)), file=file, end=end)


def print_json(content: Any) -> None:
    """What `--json` gives: strict JSON, without NaN and infinity."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    print(_STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def print_rows(rows: Sequence[Any], as_json: bool, line: Callable[[Any], str]) -> None:
    """The rows as JSON, or each as a line."""
    if as_json:
        print_json(rows)
    else:
        print_text("\n".join(map(line, rows)))
