"""A usage log priced: read, replayed in every way, added up and joined with a run's quality."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from gisteval.billing.content import Bill, Flip, Flips, Served
from gisteval.billing.hosting import Hosting, each_use, hosted, once, read_hosting, servings
from gisteval.billing.made_up import made_up_log
from gisteval.billing.prices import Prices
from gisteval.billing.quality import QualityCost, quality_costs
from gisteval.billing.replay import replay
from gisteval.billing.totals import FEWEST_PROMPTS, WayCost, totals
from gisteval.billing.usage import Request, read_usage
from gisteval.billing.ways import (
    WHOLE_CACHED,
    Compression,
    Line,
    cheapest_by_uses,
    flip,
    is_cached,
    prompt_dollars,
)
from gisteval.errors import GistevalError, counted
from gisteval.pipeline.bill.options import BillOptions
from gisteval.records.run_folder import RunFolder
from gisteval.records.store import write_atomic

MADE_UP_MODEL = "claude-sonnet-4-5"


def write_made_up(file: Path, requests: int, prompts: int, seed: int) -> None:
    """Write a made-up log. Raises GistevalError if the file is there."""
    if file.exists():
        raise GistevalError(f"{file} is there already: name a new file for a made-up log")
    if not 1 <= prompts <= requests <= 10**6:
        raise GistevalError(f"a made-up log has 1 to {requests:,} prompts and at most 1,000,000 requests")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, made_up_log(requests, prompts, seed, MADE_UP_MODEL))


def make_bill(file: Path, options: BillOptions) -> Bill:
    """Price a usage log in every way.

    Raises:
        GistevalError: The log, a price sheet, a profile or a run can't be used.
    """
    usage = read_usage(file, options.shared_tokens, options.model)
    requests = usage.requests
    prices = Prices.named(options.prices)
    compression = Compression(options.kept, options.compress_price)
    hosting = _hosting(options)
    found = replay(requests, prices, compression)
    served = [_provider(requests, prices, compression, totals(found, len(requests), options.seed))]
    if hosting is not None:
        costs = totals(hosted(requests, hosting), len(requests), options.seed)
        served.append(Served(_machine(hosting), costs, _hosted_flips(requests, hosting)))
    quality = _quality(options, requests, prices)
    sources = list(prices.sources)
    if hosting is not None:
        sources.append(f"times: {_machine(hosting)}, a batch of {hosting.batch.batch_size}")
    return Bill(
        len(requests),
        len(found.prompts),
        (requests[-1].time - requests[0].time) / 86400,
        options.kept,
        tuple(served),
        quality,
        tuple(sources),
        (*usage.notes, *_notes(options, found.prompts, requests, prices, bool(quality), hosting)),
    )


def _hosting(options: BillOptions) -> Hosting | None:
    if options.profile is None or options.dollars_per_hour is None:
        return None
    return read_hosting(options.profile, options.dollars_per_hour, options.storage_price, options.bandwidth)


def _machine(hosting: Hosting) -> str:
    profile = hosting.profile
    return (
        f"{Path(profile.model).name} on {profile.machine.device} at ${hosting.dollars_per_hour:g} an hour"
    )


def _quality(options: BillOptions, requests: Sequence[Request], prices: Prices) -> tuple[QualityCost, ...]:
    if options.quality is None:
        return ()
    run = RunFolder.open(options.quality)
    metric = options.metric or next(
        (row.metric for row in run.results() if row.retention is not None), "rougeL"
    )
    return quality_costs(run, metric, requests, prices, options.compress_price)


def _mean_prompt(requests: Sequence[Request]) -> float:
    return sum(request.shared for request in requests) / len(requests)


def _provider(
    requests: Sequence[Request], prices: Prices, compression: Compression, costs: tuple[WayCost, ...]
) -> Served:
    models = Counter(request.model for request in requests)
    model = models.most_common(1)[0][0]
    mean = _mean_prompt(requests)
    lines = prompt_dollars(round(mean), prices.at(model, requests[-1].time), compression)
    hits = next(cost.hit_rate for cost in costs if cost.way == WHOLE_CACHED)
    seen = 1 / (1 - hits) if hits is not None and hits < 1 else 1.0
    where = model if len(models) == 1 else f"{counted(len(models), 'model')}, most of it {model}"
    return Served(where, costs, _flips(lines, mean, model, seen))


def _hosted_flips(requests: Sequence[Request], hosting: Hosting) -> Flips:
    """Flips without what storage costs, which grows with time and not with uses."""
    output = round(sum(request.output for request in requests) / len(requests))
    lines = {
        serving.name: Line(once(serving, hosting), each_use(serving, output, hosting))
        for serving in servings(hosting)
    }
    prompts = len({request.prompt for request in requests})
    return _flips(lines, _mean_prompt(requests), _machine(hosting), len(requests) / prompts)


def _flips(lines: Mapping[str, Line], tokens: float, model: str, seen: float) -> Flips:
    pairs = []
    for first, then in combinations(lines, 2):
        uses = flip(lines[first], lines[then])
        pairs.append(Flip(first, then, uses if 1 < uses < math.inf else None))
    return Flips(tokens, model, seen, cheapest_by_uses(lines), tuple(pairs))


def _notes(
    options: BillOptions,
    prompts: Sequence[str],
    requests: Sequence[Request],
    prices: Prices,
    with_quality: bool,
    hosting: Hosting | None,
) -> list[str]:
    notes = []
    if not options.compress_price:
        notes.append("compressing is taken to cost nothing: --compress-price says what it does")
    if len(prompts) < FEWEST_PROMPTS:
        notes.append(
            f"no interval: the log has {counted(len(prompts), 'prompt')}, and a bootstrap needs "
            f"{FEWEST_PROMPTS}"
        )
    short = sum(
        not is_cached(round(request.shared * options.kept), prices.at(request.model, request.time))
        for request in requests
    )
    if short:
        notes.append(
            f"{short / len(requests):.0%} of the requests have a compressed prompt below the least length "
            "that the provider's cache takes"
        )
    if with_quality:
        notes.append(
            "quality: each kept slot is billed as one token. A provider takes text: gists and cache "
            "entries can be served by oneself alone (--profile)"
        )
    if hosting is not None:
        notes.append(
            "served by oneself: prefills take what they took for the profile's prompts, whatever the "
            "lengths in this log; intervals are over prompts, without the noise of the measured times"
        )
    return notes
