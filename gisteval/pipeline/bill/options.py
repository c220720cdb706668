"""What the command line says of a bill."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gisteval.billing import GENAI
from gisteval.errors import GistevalError
from gisteval.options import Panel, as_one, check_bounds, option

UNUSUAL = 10**12
"""No price, size or speed is above it."""


def parse_share(text: str) -> float:
    """Read a share such as `25%` or `0.25`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
    share = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < share <= 1:
        raise GistevalError(f"--kept must be a share above 0 and up to 100%, such as 25%, not {text!r}")
    return share


@dataclass(frozen=True, slots=True)
class BillOptions:
    """The options of `gisteval bill`."""

    model: str | None = option(
        None,
        "Model whose prices count for every request.",
        Panel.PRICES,
        metavar="NAME",
        unset="each request's own",
    )
    prices: str | None = option(
        None,
        f"YAML sheet of dated prices, or {GENAI} for those of that package.",
        Panel.PRICES,
        metavar=f"FILE|{GENAI}",
        unset="the bundled sheet",
    )
    kept: float = option(
        0.25,
        "Share of the shared prompt that compression keeps, such as 25%.",
        Panel.COMPRESSION,
        metavar="SHARE",
        unset="25%",
        parse=parse_share,
    )
    compress_price: float = option(
        0.0,
        "What the compressor costs, in dollars a million tokens that it reads.",
        Panel.COMPRESSION,
        metavar="DOLLARS",
        least=0,
        most=UNUSUAL,
    )
    shared_tokens: int | None = option(
        None,
        "Length of the prompt that requests share, where the log has no column shared_tokens.",
        Panel.TASK,
        metavar="N",
        least=0,
        most=10**9,
        unset="what the log says of the provider's cache",
    )
    profile: Path | None = option(
        None,
        "Measured times, to serve the log on a machine of one's own: profile.json of gisteval profile "
        "--model, or the folder that holds it.",
        Panel.HARDWARE,
        metavar="PATH",
        split=as_one,
    )
    dollars_per_hour: float | None = option(
        None,
        "What that machine costs.",
        Panel.HARDWARE,
        metavar="DOLLARS",
        least=0,
        most=UNUSUAL,
    )
    storage_price: float = option(
        0.1,
        "What it costs to store states, in dollars a GB and month.",
        Panel.HARDWARE,
        metavar="DOLLARS",
        least=0,
        most=UNUSUAL,
    )
    bandwidth: float | None = option(
        None,
        "Speed at which stored states are loaded at each use, in bytes a second.",
        Panel.HARDWARE,
        metavar="BYTES",
        least=1,
        most=10**18,
        unset="they stay in the machine's memory",
    )
    quality: Path | None = option(
        None,
        "Finished run whose compressed systems are priced, each with the share that it keeps.",
        Panel.MEASUREMENT,
        metavar="RUN",
        split=as_one,
    )
    metric: str | None = option(
        None,
        "Score of that run of which a point is priced.",
        Panel.MEASUREMENT,
        metavar="NAME",
        unset="the run's first",
    )
    seed: int = option(
        0, "Seed of the bootstrap, or of a made-up log.", Panel.MEASUREMENT, metavar="N", least=0
    )

    def __post_init__(self) -> None:
        """Check that the options fit together."""
        check_bounds(self, "--")
        if (self.profile is None) != (self.dollars_per_hour is None):
            raise GistevalError("--profile and --dollars-per-hour need each other: give both")
        if self.metric is not None and self.quality is None:
            raise GistevalError("--metric is a score of a run: give --quality RUN")
