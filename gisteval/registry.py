"""Plugins by name: built-in ones as lazy "module:attribute" references, outside ones by entry point."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from gisteval.errors import GistevalError, did_you_mean


class Registry:
    """The plugins of one kind. Nothing is imported before it is asked for."""

    def __init__(self, kind: str, group: str, builtin: Mapping[str, str]) -> None:
        """kind: the word used in messages; group: entry-point group of outside plugins."""
        self.kind = kind
        self._group = group
        self._builtin = dict(builtin)

    def references(self) -> dict[str, str]:
        """Every known name with its "module:attribute". Raises GistevalError on a name taken twice."""
        found = dict(self._builtin)
        for entry in entry_points(group=self._group):
            if found.get(entry.name, entry.value) != entry.value:
                raise GistevalError(
                    f"{self.kind} {entry.name!r} is registered twice: {found[entry.name]} and "
                    f"{entry.value}: uninstall or rename one"
                )
            found[entry.name] = entry.value
        return found

    def names(self) -> list[str]:
        """Known names, sorted."""
        return sorted(self.references())

    def check(self, name: str) -> str:
        """The "module:attribute" of a name. Raises GistevalError for an unknown one."""
        references = self.references()
        if name not in references:
            raise GistevalError(
                f"{self.kind} {name!r} is unknown{did_you_mean(name, references)}: "
                f"choose from {', '.join(sorted(references))}"
            )
        return references[name]

    def load(self, name: str) -> Any:
        """The plugin itself. Raises GistevalError for an unknown name."""
        module, _, attribute = self.check(name).partition(":")
        return getattr(importlib.import_module(module), attribute)


MOVED_MODULES = {"gisteval.tasks.wordplay.generate": "gisteval.tasks.generators.wordplay.generate"}
"""Modules that task files of others may still name by their old place, for one release."""


def current_reference(reference: str) -> str:
    """A "module:attribute" with the module's present place."""
    module, colon, attribute = reference.partition(":")
    return f"{MOVED_MODULES.get(module, module)}{colon}{attribute}"


GENERATORS = Registry(
    "generator",
    "gisteval.generators",
    {"wordplay-train": "gisteval.tasks.generators.wordplay.generate:train_examples"},
)

COMPRESSORS = Registry(
    "compressor",
    "gisteval.compressors",
    {
        "gist": "gisteval.compressors.gist.gist:Gist",
        "none": "gisteval.compressors.full:Full",
        "nothing": "gisteval.compressors.empty:Empty",
        "truncate": "gisteval.compressors.pruning.truncate:Truncate",
    },
)

METRICS = Registry(
    "metric",
    "gisteval.metrics",
    {
        "rougeL": "gisteval.metrics.rouge:RougeLMetric",
        "rougeL-unicode": "gisteval.metrics.unicode_words:UnicodeRougeL",
        "exact_match": "gisteval.metrics.text:ExactMatch",
        "exact_match_pos": "gisteval.metrics.text:ControlMatch",
        "nll": "gisteval.metrics.loss:Nll",
        "chrF": "gisteval.metrics.chrf:Chrf",
        "length": "gisteval.metrics.text:Length",
        "output_tokens": "gisteval.metrics.sizes:OutputTokens",
        "unfinished": "gisteval.metrics.sizes:Unfinished",
        "source_tokens": "gisteval.metrics.sizes:SourceTokens",
        "template_tokens": "gisteval.metrics.sizes:TemplateTokens",
        "kept": "gisteval.metrics.sizes:Kept",
        "kept_instruction": "gisteval.metrics.compression:KeptInstruction",
        "bytes": "gisteval.metrics.sizes:Bytes",
        "compression_requested": "gisteval.metrics.compression:Requested",
        "compression_achieved": "gisteval.metrics.compression:Achieved",
        "compression_ratio_of_means": "gisteval.metrics.compression:OfMeans",
        "win_rate": "gisteval.metrics.judged:WinRate",
        "win_rate_adjusted": "gisteval.metrics.judged:AdjustedWinRate",
    },
)


def compresses(compressor: str) -> bool:
    """Whether a record's compressor makes a prompt shorter; those of the two controls don't."""
    return compressor not in ("none", "nothing", "full", "empty")


def keeps_k_slots(compressor: str) -> bool:
    """Whether a compressor keeps as many slots as the checkpoint has gist tokens, unless told."""
    return compressor == "gist"
