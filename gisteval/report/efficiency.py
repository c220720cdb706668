"""What each way of serving a prompt costs, and what it saves over the two ordinary ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gisteval.report.claims import Claim, Finding
from gisteval.report.data import ReportData
from gisteval.report.layout import Table, engineering, size_text
from gisteval.report.tables import interval_text

Content = Mapping[str, Any]

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
    """One table over all runs that were profiled, or whose timings were imported; none without any."""
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for run in data.runs:
        if run.profile is not None and run.profile["kind"] == "released":
            rows += [_released_row(way) for way in run.profile["ways"]]
            notes.append(
                "Released timings: means of one forward pass of each human example, batch 1, on an A100, "
                "savings paired by example; the negative control was not timed, its FLOPs are computed. "
                "Bytes are those of fp32. Making the cache or the gist is not counted."
            )
        elif run.profile is not None and run.profile["kind"] == "model":
            rows += _measured_rows(run.profile)
            notes.append(
                f"{run.profile['weights']}: medians of each use (prefill and decoding), batch "
                f"{run.profile['batches'][0]['batch_size']}, {run.profile['device']}; savings are paired."
            )
    if not rows:
        return []
    return [Table("efficiency", "Efficiency", _COLUMNS, tuple(rows), " ".join(dict.fromkeys(notes)))]


def cost_claims(data: ReportData) -> list[Claim]:
    """Of each compressed way whether it takes less time than no cache, and than the whole prompt cached."""
    stated = []
    for run in data.runs:
        profile = run.profile or {"kind": ""}
        if profile["kind"] == "released":
            for way in profile["ways"]:
                for item in way["saved"]:
                    if item["unit"] == "seconds" and way["way"] != WHOLE_CACHE:
                        who, ends = f"{way['model']}, {way['way']}", (item["low"], item["high"])
                        stated.append(_cost_claim(who, item["baseline"], _percent(item), *ends))
        elif profile["kind"] == "model":
            batch = profile["batches"][0]
            bases = {system["name"]: system for system in batch["systems"]}
            for item in batch["savings"]:
                if item["phase"] == "end_to_end":
                    who, text = (
                        f"{profile['weights']}, {item['system']}",
                        _time_saved(item, bases[item["baseline"]]),
                    )
                    stated.append(_cost_claim(who, item["baseline"], text, item["low"], item["high"]))
    return stated


def _cost_claim(who: str, baseline: str, percent: str, low: float | None, high: float | None) -> Claim:
    saves, costs = low is not None and low > 0, high is not None and high < 0
    relation = "takes more time than" if costs else "takes less time than"
    finding: Finding = "shown" if saves or costs else "open"
    return Claim(f"{who} {relation} {baseline}", finding, f"{percent}% saved")


def _released_row(way: Content) -> tuple[str, ...]:
    times = way["milliseconds"]
    saved = {(item["unit"], item["baseline"]): item for item in way["saved"]}
    return (
        way["model"],
        way["way"],
        "-" if times is None else interval_text(times["value"], times["low"], times["high"], 2),
        engineering(way["flops"], 4),
        *(_percent(saved.get(("seconds", base))) for base in (NO_CACHE, WHOLE_CACHE)),
        *(_share(saved.get(("flops", base))) for base in (NO_CACHE, WHOLE_CACHE)),
        f"{way['cached_slots']:.1f}",
        "-" if way["stored_bytes"] is None else size_text(way["stored_bytes"]),
    )


def _measured_rows(profile: Content) -> list[tuple[str, ...]]:
    batch = profile["batches"][0]
    systems: Sequence[Content] = batch["systems"]
    by_name = {system["name"]: system for system in systems}
    saved = {
        (item["system"], item["baseline"]): item
        for item in batch["savings"]
        if item["phase"] == "end_to_end"
    }
    rows = []
    for system in systems:
        name, seconds = system["name"], system["seconds"]["end_to_end"]
        rows.append(
            (
                profile["weights"],
                name,
                interval_text(1e3 * seconds["median"], 1e3 * seconds["low"], 1e3 * seconds["high"], 2),
                engineering(_each_use(system), 4),
                *(
                    _time_saved(saved.get((name, base)), by_name.get(base))
                    for base in (NO_CACHE, WHOLE_CACHE)
                ),
                *(_flops_saved(system, by_name.get(base)) for base in (NO_CACHE, WHOLE_CACHE)),
                f"{system['cached_slots']:.1f}",
                size_text(system["stored_bytes"]),
            )
        )
    return rows


def _each_use(system: Content) -> float:
    return float(system["flops"]["prefill"] + system["flops"]["decode"])


def _flops_saved(system: Content, base: Content | None) -> str:
    if base is None or system["name"] in (NO_CACHE, base["name"]):
        return "-"
    return f"{100 * (1 - _each_use(system) / _each_use(base)):.1f}"


def _time_saved(saving: Content | None, base: Content | None) -> str:
    """A saving's interval in percent of the baseline's median."""
    if saving is None or base is None:
        return "-"
    whole = base["seconds"]["end_to_end"]["median"]
    low, high = (100 * saving[end] / whole for end in ("low", "high"))
    return interval_text(saving["percent"], low, high, 1)


def _percent(found: Content | None) -> str:
    return "-" if found is None else interval_text(found["value"], found["low"], found["high"], 1)


def _share(found: Content | None) -> str:
    """Without its interval: FLOPs follow from lengths, there is nothing to measure."""
    return "-" if found is None else f"{found['value']:.1f}"
