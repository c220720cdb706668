"""Tables of a profile, from the content of profile.json."""

from __future__ import annotations

from collections.abc import Sequence

from gisteval.records.profile_facts import BatchFacts, ModelProfile, StorageFacts, WhatIfProfile
from gisteval.records.shape_facts import Profile, ReleasedProfile, ShapeProfile
from gisteval.report.energy_table import energy_table
from gisteval.report.layout import Table, engineering, size_text, uses_text
from gisteval.report.timings import (
    Timed,
    is_faster,
    median_text,
    passes_text,
    pays_interval,
    pays_text,
    shown_interval,
)


def tables(content: Profile) -> list[Table]:
    """Build the tables of a profile of any kind."""
    if isinstance(content, ModelProfile):
        return _model_tables(content)
    if isinstance(content, WhatIfProfile):
        return [_what_if_table(content)]
    if isinstance(content, ShapeProfile):
        return [_shape_table(content)]
    return [_released_table(content)]


def _model_tables(content: ModelProfile) -> list[Table]:
    batch_tables = []
    for batch in content.batches:
        batch_tables += [
            _time_table(batch),
            _parts_table(batch),
            _saving_table(batch),
            _break_even_table(batch),
            _roof_table(batch),
        ]
    energy = [] if content.energy is None else [energy_table(content.energy)]
    return [*(table for table in batch_tables if table.rows), *energy, _storage_table(content.storage)]


def _time_table(batch: BatchFacts) -> Table:
    counted = all(system.flops for system in batch.systems)
    rows = []
    for system in batch.systems:
        seconds, flops, peak = system.seconds, system.flops, system.peak_memory
        rows.append(
            (
                system.name,
                f"{system.run_tokens:.1f}",
                f"{system.cached_slots:.1f}",
                *(
                    _milliseconds(getattr(seconds, p))
                    for p in ("compress", "prefill", "decode_token", "end_to_end")
                ),
                *(engineering(getattr(flops, p)) for p in ("compress", "prefill", "decode") if counted),
                f"{system.stored_bytes:,.0f}",
                "-" if peak is None else f"{peak.bytes / 1e6:,.0f}",
            )
        )
    times = ("compress ms", "prefill ms", "decode a token ms", "each use ms")
    flops_columns = ("compress FLOPs", "prefill FLOPs", "decode FLOPs") if counted else ()
    columns = ("way", "run", "cached", *times, *flops_columns, "stored bytes", "peak MB")
    per_example = f"{'FLOPs and bytes' if counted else 'bytes'} an example"
    return Table(
        f"time-batch-{batch.batch_size}",
        f"Time, batch of {batch.batch_size}",
        columns,
        tuple(rows),
        f"{passes_text(batch.rounds)}, a batch each ({_STOPPED.get(batch.stopped, batch.stopped)}); "
        f"{per_example}.",
    )


def _parts_table(batch: BatchFacts) -> Table:
    """What compressing spends its time on; no rows where it is all the pass over the prompts."""
    known = {way.name: way.compress_parts or {} for way in batch.systems}
    names = [name for name in _PARTS if any(name in parts for parts in known.values())]
    rows = tuple(
        (
            name,
            *(f"{1e3 * parts[part]:.2f}" if part in parts else "-" for part in names),
            f"{1e3 * sum(parts.values()):.2f}",
        )
        for name, parts in known.items()
        if parts
    )
    return Table(
        f"compress-batch-{batch.batch_size}",
        f"Time of compressing by part, batch of {batch.batch_size}",
        ("way", *(f"{_PARTS[name]} ms" for name in names), "all ms"),
        rows if len(names) > 1 else (),
        "Timed in passes of their own. The pass over prompts includes tokenising and watching its layers. "
        "All parts are in the time of compressing, and so in N*. FLOPs count the evaluated model's own "
        "passes, learning among them, and neither scoring nor another model's pass.",
    )


_PARTS = {
    "pass": "pass over prompts",
    "scoring": "scoring",
    "selection": "selection",
    "learning": "learning",
    "other model": "another model",
}
"""Parts of compressing as `models.running.phases` names them, and their titles."""

_STOPPED = {
    "narrow": "stopped when the intervals of the medians were narrow",
    "budget": "stopped at the time budget",
    "rounds": "stopped at the largest number of passes",
}


def _saving_table(batch: BatchFacts) -> Table:
    rows = tuple(
        (
            saving.system,
            saving.baseline,
            "each use" if saving.phase == "end_to_end" else saving.phase,
            _milliseconds(saving),
            f"{saving.percent:.1f}%",
            is_faster(saving),
        )
        for saving in batch.savings
    )
    return Table(
        f"savings-batch-{batch.batch_size}",
        f"Savings, batch of {batch.batch_size}",
        ("way", "against", "phase", "saved ms", "saved", "is it faster?"),
        rows,
        "Savings are paired: both ways ran on the same batch in the same round. Faster or slower follows "
        "from a sign test, corrected for all rows of the table. A way that saves time only against no "
        "cache saves no more than ordinary caching does.",
    )


def _break_even_table(batch: BatchFacts) -> Table:
    rows = tuple(
        (
            even.system or "",
            even.baseline,
            "FLOPs" if even.unit == "flops" else "time",
            pays_text(even),
            pays_interval(even),
            uses_text(even.net),
            "-" if even.hit_rate is None else f"{100 * even.hit_rate:.1f}%",
        )
        for even in batch.break_even
    )
    return Table(
        f"break-even-batch-{batch.batch_size}",
        f"Uses until compression pays, batch of {batch.batch_size}",
        ("way", "against", "in", "N*", "interval", "net of filling the cache", "hits needed"),
        rows,
        "N* = ceil(cost of compressing / saving of each use). Net: the number of uses at which the total "
        "costs are equal, since a whole-prompt cache has to be filled as well. Hits needed: the share of "
        "uses that must find the compressed prompt stored. Times have an interval from six passes on.",
    )


def _roof_table(batch: BatchFacts) -> Table:
    rows = tuple(
        (
            system.name,
            point.phase,
            f"{point.intensity:.2f}",
            engineering(point.flops_per_second),
            engineering(point.bytes_per_second),
            point.bound,
            f"{100 * point.share:.1f}%",
        )
        for system in batch.systems
        for point in system.attained
    )
    return Table(
        f"roofline-batch-{batch.batch_size}",
        f"Attained speed, batch of {batch.batch_size}",
        ("way", "phase", "FLOPs a byte", "FLOP/s", "bytes/s", "bound by", "of the roof"),
        rows,
    )


def _storage_table(storage: Sequence[StorageFacts]) -> Table:
    rows = []
    for way in storage:
        totals = list(way.totals.values())
        fits = "any number" if way.fits is None else f"{way.fits:,}"
        made = "-" if way.remake_seconds is None else f"{1e3 * way.remake_seconds:.3f}"
        speed = "-" if way.load_bandwidth is None else f"{size_text(way.load_bandwidth)}/s"
        rows.append((way.name, f"{way.bytes_per_prompt:,.0f}", *map(size_text, totals), fits, made, speed))
    budget = size_text(storage[0].budget)
    columns = ("way", "bytes a prompt", "1,000 prompts", "10^6 prompts", "10^9 prompts")
    loading = ("make anew, ms", "load from")
    note = (
        "Load from: the speed from which loading a stored prompt takes less than making it anew (measured)."
    )
    return Table("storage", "Storage", (*columns, f"prompts in {budget}", *loading), tuple(rows), note)


def _what_if_table(content: WhatIfProfile) -> Table:
    rows = []
    for row in content.rows:
        ways = {way.name: way for way in row.ways}
        gist = ways["gist"]
        evens = {(even.unit, even.baseline): even for even in row.break_even}
        baselines = ("no cache", "whole-prompt cache")
        rows.append(
            (
                row.shape,
                str(row.prompt_tokens),
                str(row.k),
                str(row.batch),
                *(
                    f"{100 * evens[unit, base].saved_each / getattr(ways[base], f'{unit}_each'):.1f}%"
                    for unit in ("flops", "seconds")
                    for base in baselines
                ),
                *(uses_text(evens["flops", base].reuses) for base in baselines),
                uses_text(evens["flops", "whole-prompt cache"].net),
                size_text(ways["whole-prompt cache"].stored_bytes),
                size_text(gist.stored_bytes),
                f"{gist.prompts_that_fit:,}",
            )
        )
    saved = ("FLOPs saved / no cache", "/ cached prompt", "time saved / no cache", "/ cached prompt")
    uses = ("N* / no cache", "N* / cached prompt", "net")
    stored = ("cached prompt", "gist", f"gists in {size_text(content.memory_budget)}")
    columns = ("shape", "prompt", "k", "batch", *saved, *uses, *stored)
    note = "Costs of each use. Times are bounds from the machine's peaks, not measurements."
    return Table("what-if", "When gisting pays", columns, tuple(rows), note)


def _shape_table(content: ShapeProfile) -> Table:
    differences = content.difference_percent or {}
    rows = []
    for tool in ("closed_form", "fvcore", "torch"):
        count = getattr(content.flops, tool)
        difference = f"{differences[tool]:+.4f}%" if tool in differences else "-"
        rows.append((tool, "does not apply" if count is None else f"{count:,}", difference))
    notes = [content.closed_form_note or "", "the output matrix runs on every position, as in the paper"]
    notes.append("operators fvcore does not count: " + ", ".join(content.unsupported_ops))
    note = "; ".join(filter(None, notes))
    return Table("flops", "FLOPs", ("counted by", "FLOPs", "difference"), tuple(rows), note)


def _released_table(content: ReleasedProfile) -> Table:
    rows = tuple(
        (
            item.file,
            item.model,
            str(item.rows),
            f"{item.gflops:.1f}",
            f"{item.released_gflops:.1f}",
            str(item.unequal_rows),
            f"{item.milliseconds:.2f}",
        )
        for item in content.files
    )
    columns = ("file", "model", "rows", "GFLOPs", "as released", "rows that differ", "ms as released")
    return Table("released", "Means of the released files", columns, rows)


def _milliseconds(timing: Timed | None) -> str:
    return "-" if timing is None else median_text(timing.median, shown_interval(timing), 3, 1e3)
