"""Regular expressions in an adapter's configuration, which peft tries on the names of all modules.

Some take longer than anybody waits, and Python can't stop one that runs: so a process of its own, which can
be stopped, tries them first.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gisteval.errors import GistevalError

PATIENCE = 10.0
"""Seconds for all patterns on all names; sound ones take a few milliseconds."""

_SPECIAL = frozenset("*+?{|(")
"""One of these stands in every pattern that can take long."""

_TRY = """
import json, re, sys
patterns, names = json.load(sys.stdin)
for pattern in patterns:
    for name in names:
        re.fullmatch(pattern, name)
"""


def check_patterns(config: dict[str, Any], names: Iterable[str], path: Path) -> None:
    """Check the patterns of an adapter's configuration on the names of a model's modules.

    Args:
        config: The content of adapter_config.json.
        names: The names of the base's modules.
        path: The adapter's folder, for messages.

    Raises:
        GistevalError: A pattern is not a regular expression, or takes too long.
    """
    patterns = list(_patterns(config))
    if not patterns:
        return
    try:
        tried = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _TRY],
            input=json.dumps([patterns, list(names)]).encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GistevalError(
            f"{path}: its patterns of module names take over {PATIENCE:g} s ({patterns[0]!r:.80}): "
            "list the modules' names instead"
        ) from None
    if tried.returncode:
        raise GistevalError(
            f"{path}: a pattern of module names is no regular expression ({patterns[0]!r:.80}): list the "
            "modules' names instead"
        )


def _patterns(config: dict[str, Any]) -> Iterator[str]:
    """What peft matches against whole names, as it puts it together."""
    forms = {"target_modules": "{}", "exclude_modules": "{}", "target_parameters": "{}"}
    forms |= {"layers_pattern": r".*\.{}\.(\d+)\..*"}
    forms |= dict.fromkeys(("rank_pattern", "alpha_pattern"), r"(.*\.)?({})")
    for field, form in forms.items():
        value = config.get(field)
        listed = list(value) if isinstance(value, dict | list) and field not in _PLAIN_LISTS else [value]
        for text in listed:
            if isinstance(text, str) and not _SPECIAL.isdisjoint(text):
                yield form.replace("{}", text)


_PLAIN_LISTS = frozenset({"target_modules", "exclude_modules", "target_parameters"})
"""Fields that hold a pattern as a text, but names as a list."""
