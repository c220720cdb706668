"""What makes a computation the same: keys of records, and the identity of a run."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gisteval.records.budget import Budget
from gisteval.records.schema import digest
from gisteval.registry import COMPRESSORS


@dataclass(frozen=True, slots=True)
class GenerationIdentity:
    """Everything but the example that can change a generation.

    Attributes:
        compressor: Its name alone.
        settings: Its settings that differ from their defaults, as they stand in its spec.
        helpers: Digests of helper models that it uses, by name.
        thinking: What becomes of thoughts, None for a model that is not known to think and the default
            rule.
        temperature: Of drawn answers; 0 for greedy ones.
    """

    template: Mapping[str, str]
    compressor: str
    budget: Budget | None
    condition: str | None
    k: int
    leak_window: int
    weights: str
    tokenizer: str
    max_new_tokens: int
    dtype: str
    seed: int
    quantize: str | None = None
    compressor_version: int = 1
    thinking: str | None = None
    settings: str = ""
    helpers: Mapping[str, str] = field(default_factory=dict)
    temperature: float = 0.0

    def prefix(self) -> str:
        """Digest shared by all records of one system."""
        return digest(
            [
                json.dumps(dict(self.template), sort_keys=True),
                COMPRESSORS.former(self.compressor),  # as the keys of older records have it
                str(self.budget),
                str(self.condition),
                str(self.k),
                str(self.leak_window),
                self.weights,
                self.tokenizer,
                str(self.max_new_tokens),
                self.dtype,
                str(self.seed),
                # What is as it always was adds nothing, so that keys stay as they were.
                *([] if self.quantize is None else [self.quantize]),
                *([] if self.compressor_version == 1 else [f"compressor v{self.compressor_version}"]),
                *([] if self.thinking is None else ["thinking", self.thinking]),
                *(["settings", self.settings] if self.settings else []),
                *(["helpers", json.dumps(dict(self.helpers), sort_keys=True)] if self.helpers else []),
                *(["temperature", str(self.temperature)] if self.temperature else []),
            ]
        )


def versions() -> dict[str, str]:
    """Versions of everything that can move a number."""
    found = {"python": platform.python_version()}
    packages = ("gisteval", "torch", "transformers", "tokenizers", "rouge-score", "numpy", "bitsandbytes")
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def signature(parts: Mapping[str, Any]) -> str:
    """A one-line recipe of a number, in sacrebleu's style: `name:value|name:value`."""
    return "|".join(f"{name}:{value}" for name, value in parts.items())
