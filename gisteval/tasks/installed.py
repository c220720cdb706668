"""Functions that a task file may name: only those that an installed package offers as generators."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from gisteval.errors import GistevalError
from gisteval.registry import GENERATORS, current_reference


def generated(reference: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Items of an installed generator.

    Args:
        reference: Its "module:function".
        options: Its arguments.

    Raises:
        GistevalError: The generator is not installed, or the options don't fit.
    """
    function = installed(reference)
    try:
        inspect.signature(function).bind(**options)
    except TypeError as error:
        raise GistevalError(f"generator {reference}: options don't fit: {error}") from error
    return iter(function(**options))


def installed(reference: str) -> Callable[..., Any]:
    """The function of an installed generator's "module:function". Raises GistevalError for another."""
    reference = current_reference(reference)
    known = GENERATORS.references().values()
    if reference not in known:
        raise GistevalError(
            f"generator {reference!r} is not installed as one: choose from {', '.join(known)}, or give "
            "its package an entry point in the group gisteval.generators"
        )
    module, _, attribute = reference.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return function
