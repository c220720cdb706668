"""A usage log served by oneself: measured times of a profile, at so many dollars an hour of the machine.

States that are stored are kept from a prompt's first request to the end of the log, and loaded at each
use. Prefills take what they took for the profile's prompts; only outputs are as long as the log's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gisteval.billing.replay import Replay
from gisteval.billing.usage import Request
from gisteval.errors import GistevalError
from gisteval.records.profile_facts import BatchFacts, MeasuredWay, ModelProfile
from gisteval.records.shape_facts import read_profile

MONTH = 30 * 86400
"""Seconds."""

SERVED = ("no_cache", "whole_cache", "compressed")
"""Kinds of ways that answer with the prompt; the negative control does without it."""


@dataclass(frozen=True, slots=True)
class Hosting:
    """What serving by oneself costs.

    Attributes:
        profile: The measured times.
        dollars_per_hour: Of the machine that they were measured on.
        storage: Dollars a GB (10^9 bytes) and month for stored states.
        bandwidth: Bytes a second at which they are loaded; None where they stay in the machine's memory.
    """

    profile: ModelProfile
    dollars_per_hour: float
    storage: float
    bandwidth: float | None

    @property
    def batch(self) -> BatchFacts:
        """The largest batch that was measured, which serves a request for the least."""
        return max(self.profile.batches, key=lambda batch: batch.batch_size)

    @property
    def ways(self) -> tuple[MeasuredWay, ...]:
        """The ways that were measured."""
        return tuple(way for way in self.batch.systems if way.kind in SERVED)


def read_hosting(path: Path, dollars_per_hour: float, storage: float, bandwidth: float | None) -> Hosting:
    """Read the profile of a file or of a folder.

    Raises:
        GistevalError: There is none that measured a model.
    """
    places = [path, path / "profile.json", path / "report" / "profile.json"]
    file = next((place for place in places if place.is_file()), path)
    profile = read_profile(file)
    if not isinstance(profile, ModelProfile) or not profile.batches:
        raise GistevalError(
            f"--profile {path} holds no measured times: give what gisteval profile --model wrote"
        )
    return Hosting(profile, dollars_per_hour, storage, bandwidth)


@dataclass(frozen=True, slots=True)
class Serving:
    """One way to serve by oneself: a measured way, and whether its states are stored."""

    name: str
    way: MeasuredWay
    is_stored: bool


def servings(hosting: Hosting) -> tuple[Serving, ...]:
    """The ways of a profile; what a compressor makes is stored and loaded, or made anew at each use."""
    found = []
    for way in hosting.ways:
        if way.kind == "compressed":
            found.append(Serving(f"{way.name}, stored", way, True))
            found.append(Serving(f"{way.name}, made anew", way, False))
        else:
            found.append(Serving(way.name, way, way.kind == "whole_cache"))
    return tuple(found)


def hosted(requests: Sequence[Request], hosting: Hosting) -> Replay:
    """Replay a log on one's own machine. requests: in order of time."""
    numbers: dict[str, int] = {}
    for request in requests:
        numbers.setdefault(request.prompt, len(numbers))
    end = requests[-1].time
    ways = servings(hosting)
    dollars = np.zeros((len(numbers), len(ways)))
    seen: set[str] = set()
    for request in requests:
        for column, serving in enumerate(ways):
            cost = each_use(serving, request.output, hosting)
            if request.prompt not in seen:
                cost += once(serving, hosting) + stored(serving, end - request.time, hosting)
            dollars[numbers[request.prompt], column] += cost
        seen.add(request.prompt)
    again = 1 - len(numbers) / len(requests)
    rates = tuple(again if serving.is_stored else None for serving in ways)
    return Replay(tuple(serving.name for serving in ways), tuple(numbers), dollars, rates)


def each_use(serving: Serving, output: int, hosting: Hosting) -> float:
    """Dollars of one use with an output of so many tokens, the first of which the prefill gives."""
    seconds = serving.way.seconds
    busy = seconds.prefill.median + max(0, output - 1) * seconds.decode_token.median
    loading = 0.0
    if serving.is_stored:
        loading = serving.way.stored_bytes / hosting.bandwidth if hosting.bandwidth else 0.0
    else:
        busy += _making(serving)
    return (busy / hosting.batch.batch_size + loading) * hosting.dollars_per_hour / 3600


def once(serving: Serving, hosting: Hosting) -> float:
    """Dollars of making the states of a new prompt, where they are stored."""
    made = _making(serving) if serving.is_stored else 0.0
    return made / hosting.batch.batch_size * hosting.dollars_per_hour / 3600


def stored(serving: Serving, seconds: float, hosting: Hosting) -> float:
    """Dollars of keeping a prompt's states for so long."""
    size = serving.way.stored_bytes if serving.is_stored else 0.0
    return size / 1e9 * hosting.storage * seconds / MONTH


def _making(serving: Serving) -> float:
    """Seconds that a batch takes to make its states."""
    made = serving.way.seconds.compress
    return made.median if made else 0.0
