"""Costs of each way of serving a prompt, and its savings over no cache and a whole-prompt cache."""

from __future__ import annotations

from gisteval.records.profile_facts import MeasuredWay, ModelProfile, SavingFacts
from gisteval.records.shape_facts import ReleasedProfile, ReleasedSaving, ReleasedWay
from gisteval.report.claims import Claim, Finding
from gisteval.report.data import ReportData
from gisteval.report.layout import Table, engineering, size_text
from gisteval.report.tables import interval_text
from gisteval.report.timings import MOST_P_VALUE, is_faster, median_text, passes_text, shown_interval

NO_CACHE, WHOLE_CACHE = "no cache", "whole-prompt cache"

_COLUMNS = (
    "model",
    "way",
    "time ms",
    "FLOPs",
    "time saved / no cache %",
    "/ whole-prompt cache %",
    "FLOPs saved / no cache %",
    "FLOPs / whole-prompt cache %",
    "slots",
    "bytes a prompt",
)


def efficiency_tables(data: ReportData) -> list[Table]:
    """Build one table of all runs that were profiled or whose timings were imported, if there are any."""
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for run in data.runs:
        if isinstance(run.profile, ReleasedProfile):
            rows += [_released_row(way) for way in run.profile.ways]
            notes.append(
                "Released timings: means of one forward pass of each human example, batch 1, on an A100, "
                "savings paired by example; the negative control was not timed, its FLOPs are computed. "
                "FLOPs run the output matrix on every position. "
                "Bytes are those of fp32. The cost of computing the cache or the gist is not included."
            )
        elif isinstance(run.profile, ModelProfile):
            rows += _measured_rows(run.profile)
            notes.append(
                f"{run.profile.weights}: each use (prefill and decoding), batch "
                f"{run.profile.batches[0].batch_size}, {run.profile.device}. "
                f"{passes_text(run.profile.batches[0].rounds)}; savings are paired. "
                "FLOPs run the output matrix on the last position only."
            )
    if not rows:
        return []
    return [Table("efficiency", "Efficiency", _COLUMNS, tuple(rows), " ".join(dict.fromkeys(notes)))]


def cost_claims(data: ReportData) -> list[Claim]:
    """Write for each compressed way whether it takes less time than no cache and than a whole-prompt cache.

    The claim is left open if there are too few passes for a 95% interval, or if the p-value, corrected for
    all savings of the table, is above 5%.
    """
    claims = []
    for run in data.runs:
        profile = run.profile
        if isinstance(profile, ReleasedProfile):
            for way in profile.ways:
                for item in way.saved:
                    if item.unit == "seconds" and way.way != WHOLE_CACHE:
                        who, finding = f"{way.model}, {way.way}", _released_finding(item)
                        claims.append(_cost_claim(who, item.baseline, finding, _percent(item)))
        elif isinstance(profile, ModelProfile):
            batch = profile.batches[0]
            for saving in batch.savings:
                if saving.phase == "end_to_end":
                    who, finding = f"{profile.weights}, {saving.system}", is_faster(saving)
                    few = f" ({passes_text(batch.rounds)})" if finding == "too few passes" else ""
                    claims.append(_cost_claim(who, saving.baseline, finding, _time_saved(saving), few))
    return claims


def _released_finding(item: ReleasedSaving) -> str:
    """Say whether a released timing is faster, in the words of `is_faster`."""
    if item.p_value is None or item.p_value > MOST_P_VALUE or item.low is None or item.high is None:
        return "not shown"
    return "yes" if item.low > 0 else "slower" if item.high < 0 else "not shown"


def _cost_claim(who: str, baseline: str, answer: str, percent: str, why: str = "") -> Claim:
    relation = "takes more time than" if answer == "slower" else "takes less time than"
    finding: Finding = "shown" if answer in ("yes", "slower") else "open"
    return Claim(f"{who} {relation} {baseline}", finding, f"{percent}% saved{why}")


def _released_row(way: ReleasedWay) -> tuple[str, ...]:
    times = way.milliseconds
    saved = {(item.unit, item.baseline): item for item in way.saved}
    return (
        way.model,
        way.way,
        "-" if times is None else interval_text(times.value, times.low, times.high, 2),
        engineering(way.flops, 4),
        *(_percent(saved.get(("seconds", base))) for base in (NO_CACHE, WHOLE_CACHE)),
        *(_share(saved.get(("flops", base))) for base in (NO_CACHE, WHOLE_CACHE)),
        f"{way.cached_slots:.1f}",
        "-" if way.stored_bytes is None else size_text(way.stored_bytes),
    )


def _measured_rows(profile: ModelProfile) -> list[tuple[str, ...]]:
    batch = profile.batches[0]
    systems = batch.systems
    by_name = {system.name: system for system in systems}
    saved = {(item.system, item.baseline): item for item in batch.savings if item.phase == "end_to_end"}
    rows = []
    for system in systems:
        name, seconds = system.name, system.seconds.end_to_end
        each = _each_use(system)
        rows.append(
            (
                profile.weights,
                name,
                median_text(seconds.median, shown_interval(seconds), 2, 1e3),
                "-" if each is None else engineering(each, 4),
                *(_time_saved(saved.get((name, base))) for base in (NO_CACHE, WHOLE_CACHE)),
                *(_flops_saved(system, by_name.get(base)) for base in (NO_CACHE, WHOLE_CACHE)),
                f"{system.cached_slots:.1f}",
                size_text(system.stored_bytes),
            )
        )
    return rows


def _each_use(system: MeasuredWay) -> float | None:
    """Return the FLOPs of each use; None if they could not be counted."""
    flops = system.flops
    return None if flops is None else float(flops.each)


def _flops_saved(system: MeasuredWay, base: MeasuredWay | None) -> str:
    if base is None or system.name in (NO_CACHE, base.name):
        return "-"
    each, whole = _each_use(system), _each_use(base)
    return "-" if each is None or whole is None else f"{100 * (1 - each / whole):.1f}"


def _time_saved(saving: SavingFacts | None) -> str:
    """Write a saving in percent of the baseline's median, with its interval if it has one."""
    if saving is None:
        return "-"
    return median_text(saving.percent, saving.percent_interval, 1)


def _percent(saving: ReleasedSaving | None) -> str:
    return "-" if saving is None else interval_text(saving.value, saving.low, saving.high, 1)


def _share(saving: ReleasedSaving | None) -> str:
    """Write a saving of FLOPs without an interval, since FLOPs are computed from lengths."""
    return "-" if saving is None else f"{saving.value:.1f}"
