"""Dated price sheets: our own YAML, the bundled one, and the package genai-prices where it is installed."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gisteval.billing import GENAI
from gisteval.content import find_content, first_fault, read_yaml
from gisteval.errors import GistevalError, did_you_mean

SHEET = "providers.yaml"

_DATED = re.compile(r"-(\d{8}|\d{4}-\d\d-\d\d)$")
"""What a model's name may end with: the date of its release."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a provider asks, in dollars a million tokens, and the rules of its cache.

    Attributes:
        fresh: Of a token of input that no cache holds.
        output: Of a token of output.
        write: Of a token of input that is written to the cache.
        read: Of a token of input that is read from it.
        seconds: How long a prompt stays in the cache after its last use.
        minimum: Tokens below which a prompt is not cached. None: the provider has no cache.
    """

    fresh: float
    output: float
    write: float
    read: float
    seconds: float
    minimum: int | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Dollars = Field(ge=0, le=10**6)


class _Entry(_Strict):
    since: date | None = None
    input: float = _Dollars
    output: float = _Dollars
    cache_write: float | None = Field(None, ge=0, le=10**6)
    cache_read: float | None = Field(None, ge=0, le=10**6)


class _Cache(_Strict):
    seconds: float = Field(ge=0, le=10**9)
    minimum: int = Field(ge=0, le=10**9)


class _Model(_Strict):
    cache: _Cache | None = None
    prices: tuple[_Entry, ...] = Field(min_length=1)


class _Content(_Strict):
    read: date
    source: str
    models: dict[str, _Model] = Field(min_length=1)


class Sheet:
    """Prices by model and day, and where they are from."""

    def __init__(self, name: str, content: _Content) -> None:
        self.source = f"{name}, read {content.read}: {' '.join(content.source.split())}"
        self.models = content.models

    @classmethod
    def read(cls, file: Path | None = None) -> Sheet:
        """Read a YAML sheet; None reads the bundled one.

        Raises:
            GistevalError: It can't be read, or holds something else.
        """
        path = file or find_content("prices") / SHEET
        try:
            content = _Content.model_validate(read_yaml(path, "price sheet"))
        except ValidationError as error:
            raise GistevalError(f"price sheet {path}: {first_fault(error)}") from error
        return cls(path.name, content)

    def knows(self, model: str) -> bool:
        """Whether the sheet has the model."""
        return self._key(model) is not None

    def at(self, model: str, time: float) -> Price:
        """The price of a model at a time (seconds since 1970).

        Raises:
            GistevalError: The sheet has none.
        """
        key = self._key(model)
        if key is None:
            raise GistevalError(
                f"no price of model {model!r}{did_you_mean(model, self.models)}: the sheet has "
                f"{', '.join(self.models)}; give --model, or a sheet of your own with --prices"
            )
        found = self.models[key]
        day = datetime.fromtimestamp(time, UTC).date()
        valid = [entry for entry in found.prices if entry.since is None or entry.since <= day]
        if not valid:
            raise GistevalError(f"the sheet has no price of {model} on {day}: give one with --prices")
        entry = max(valid, key=lambda entry: entry.since or date.min)
        cache = found.cache if entry.cache_read is not None else None
        return Price(
            entry.input,
            entry.output,
            entry.input if entry.cache_write is None else entry.cache_write,
            entry.input if entry.cache_read is None else entry.cache_read,
            cache.seconds if cache else 0.0,
            cache.minimum if cache else None,
        )

    def _key(self, model: str) -> str | None:
        bare = model.rpartition("/")[2]
        return next((name for name in (bare, _DATED.sub("", bare)) if name in self.models), None)


class GenaiSheet:
    """The base tier of the package genai-prices. It knows no rules of caches: those are usual ones."""

    SECONDS, MINIMUM = 300.0, 1024

    def __init__(self) -> None:
        try:
            self._package: Any = importlib.import_module("genai_prices")
        except ImportError as error:
            raise GistevalError(
                f"--prices {GENAI}: the package is not installed: run pip install 'gisteval[prices]'"
            ) from error
        self.source = (
            f"{GENAI} {self._package.__version__}, base tier; a cache is taken to last "
            f"{self.SECONDS:.0f} s and to begin at {self.MINIMUM:,} tokens"
        )

    def at(self, model: str, time: float) -> Price:
        """As `Sheet.at`."""
        usage = self._package.Usage(input_tokens=1, output_tokens=1)
        moment = datetime.fromtimestamp(time, UTC)
        try:
            found = self._package.calc_price(usage, model, genai_request_timestamp=moment).model_price
        except (LookupError, ValueError) as error:
            raise GistevalError(f"{GENAI} has no price of model {model!r}: give --model") from error
        fresh, output, write, read = (
            _base(getattr(found, f"{name}_mtok", None))
            for name in ("input", "output", "cache_write", "cache_read")
        )
        if fresh is None or output is None:
            raise GistevalError(f"{GENAI} has no price a token of model {model!r}: give --prices FILE")
        return Price(
            fresh,
            output,
            fresh if write is None else write,
            fresh if read is None else read,
            self.SECONDS,
            None if read is None else self.MINIMUM,
        )


def _base(price: Any) -> float | None:
    """A price, or that of the first tier of one with several."""
    return None if price is None else float(getattr(price, "base", price))


class Prices:
    """The price of any request, and the sheets that gave one."""

    def __init__(self, sheet: Sheet | GenaiSheet) -> None:
        self._sheet = sheet
        self._known: dict[tuple[str, int], Price] = {}

    @classmethod
    def named(cls, name: str | None) -> Prices:
        """Prices of a file, of genai-prices, or (None) of the bundled sheet."""
        return cls(GenaiSheet() if name == GENAI else Sheet.read(Path(name) if name else None))

    def at(self, model: str, time: float) -> Price:
        """The price of a model at a time; looked up once a model and day."""
        key = model, int(time // 86400)
        if key not in self._known:
            self._known[key] = self._sheet.at(model, time)
        return self._known[key]

    @property
    def sources(self) -> Sequence[str]:
        """Where the prices are from."""
        return (self._sheet.source,)
