"""What the command line says of a judge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from gisteval.config import RunConfig
from gisteval.errors import GistevalError
from gisteval.options import Panel, check_bounds, option, same_as
from gisteval.workers import check_executor


def parse_price(text: str) -> tuple[float, float]:
    """Read `IN,OUT`: dollars for a million tokens of requests and of replies."""
    try:
        requests, replies = (float(part) for part in text.split(","))
    except ValueError as error:
        raise GistevalError(f"--price must be two numbers, such as 0.75,4.50, not {text!r}") from error
    if not (0 <= requests < math.inf and 0 <= replies < math.inf):
        raise GistevalError(f"--price must be two prices, not {text!r}")
    return requests, replies


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """The options of `gisteval judge`. None stands for what the judge's own file says."""

    judge: str = option(
        "reference",
        "Name of a judge, or its folder. gisteval ls judges lists the bundled ones.",
        Panel.JUDGE,
        metavar="NAME",
    )
    model: str | None = option(
        None,
        "Model that the judge asks for. Of a local judge: its folder, or its name on the Hugging Face hub.",
        Panel.JUDGE,
        metavar="NAME",
        unset="the judge's own",
    )
    parameters: tuple[str, ...] = same_as(RunConfig, "judge_params")
    limit: int | None = option(
        None,
        "Judge only the first N pairs of each system and split.",
        Panel.JUDGE,
        metavar="N",
        unset="all",
    )
    until_decided: bool = option(
        False,
        "Judge in a random order, and stop as soon as gate --sequential has a verdict on --baseline.",
        Panel.JUDGE,
    )
    baseline: Path | None = option(
        None,
        "Run that --until-decided compares with. It was judged before by the same judge.",
        Panel.JUDGE,
        metavar="RUN",
    )
    system: str | None = option(
        None,
        "The candidate of --until-decided, if the run has several.",
        Panel.JUDGE,
        metavar="NAME",
    )
    baseline_system: str | None = option(
        None,
        "The baseline of --until-decided, if its run has several.",
        Panel.JUDGE,
        metavar="NAME",
        unset="the candidate's name",
    )
    # The gate's own default, which is not imported here: it would bring scipy into --help.
    margin: float = option(
        5.0, "How much worse the candidate of --until-decided may be, in points.", Panel.JUDGE
    )
    base_url: str | None = option(
        None,
        "Address of the judge's server, up to /v1.",
        Panel.SERVER,
        metavar="URL",
        unset="the judge's own",
    )
    api_key_env: str | None = option(
        None,
        "Environment variable that holds the server's key. The key itself is never stored.",
        Panel.SERVER,
        metavar="NAME",
        unset="the judge's own",
    )
    allow_host: str | None = same_as(RunConfig, "allow_host", panel=Panel.SERVER)
    concurrency: int = option(8, "Requests at the same time.", Panel.SERVER, metavar="N")
    rate: float | None = option(
        None, "Most requests in a minute.", Panel.SERVER, metavar="N", unset="no limit"
    )
    timeout: float = option(60.0, "Longest time for one try, in seconds.", Panel.SERVER, metavar="SECONDS")
    retries: int = option(
        4, "How often a request that failed is tried again.", Panel.SERVER, metavar="N", least=0
    )
    max_cost: float | None = option(
        None,
        "Most dollars that this command may spend. It stops before they are exceeded.",
        Panel.SERVER,
        metavar="DOLLARS",
        unset="no limit",
    )
    price: tuple[float, float] | None = option(
        None,
        "Dollars for a million tokens of requests and of replies, such as 0.75,4.50.",
        Panel.SERVER,
        metavar="IN,OUT",
        unset="the judge's own",
        parse=parse_price,
    )
    cache: Path | None = option(
        None,
        "File of replies that were paid for. Several runs can share it.",
        Panel.SERVER,
        metavar="FILE",
    )
    device: str = same_as(RunConfig, "device", help="Where a local judge runs: auto, cpu, cuda, ...")
    dtype: str = same_as(RunConfig, "dtype", help="Number format of a local judge.")
    batch_size: int = option(8, "Pairs that a local judge reads at once.", Panel.HARDWARE, metavar="N")
    executor: str = same_as(RunConfig, "executor")
    ray_address: str | None = same_as(RunConfig, "ray_address")
    num_workers: int | None = same_as(RunConfig, "num_workers")
    gpus_per_worker: float | None = same_as(RunConfig, "gpus_per_worker")

    def __post_init__(self) -> None:
        check_bounds(self, "--")
        for name in ("concurrency", "rate", "timeout", "max_cost", "limit", "batch_size"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise GistevalError(
                    f"--{name.replace('_', '-')} must be greater than 0 and finite, not {value}"
                )
        if self.until_decided != (self.baseline is not None):
            raise GistevalError("--until-decided and --baseline RUN need each other: give both or neither")
        if self.until_decided and self.limit is not None:
            raise GistevalError("--until-decided chooses how many pairs are judged: leave --limit out")
        check_executor(self.executor, self.ray_address, self.num_workers, self.gpus_per_worker)
