"""An estimate as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from gisteval.errors import counted
from gisteval.pipeline.estimate.run_cost import Bill, RunCost
from gisteval.pipeline.estimate.split_cost import SplitCost
from gisteval.pipeline.sweep.sweep_cost import SweepCost
from gisteval.report.layout import Table, engineering, plain_text
from gisteval.report.summary import filled, fitted

COLUMNS = (
    "system",
    "split",
    "examples",
    "instructions",
    "prompt tokens",
    "input tokens",
    "output tokens",
    "at most",
    "FLOPs",
    "at most",
    "time",
    "at most",
)


NARROW = ("system", "answers", "FLOPs", "at most", "time", "at most")


def estimate_text(cost: RunCost, title: str, verbose: bool = False) -> str:
    """Return a run's estimate as text: its systems, the total, the judge, and what is left out.

    Args:
        cost: The estimate.
        title: The title of its table.
        verbose: A row for each system on each split, with its tokens, which is wider than 80 columns.
    """
    total = _amounts(cost.expected, cost.most)
    if verbose:
        rows = [_row(cost, item) for item in cost.splits]
        table = Table("estimate", title, COLUMNS, (*rows, ("total", *[""] * 7, *total)))
        return "\n".join([plain_text(table).rstrip("\n"), *_lines(cost)]) + "\n"
    answers = sum(item.examples for item in cost.splits)
    rows = [*_system_rows(cost), ("total", f"{answers:,}", *total)]
    table = fitted(Table("estimate", title, NARROW, tuple(rows)), "system")
    lines = (_tokens_line(cost), *_lines(cost))
    return "\n".join([plain_text(table).rstrip("\n"), *map(filled, lines)]) + "\n"


def sweep_text(cost: SweepCost) -> str:
    """Return a sweep's estimate as text: a line for each entry, and sums over the unfinished ones."""
    rows, failures = [], []
    for entry in cost.entries:
        cells: tuple[str, ...] = ("failed" if entry.error else entry.state, "", "", "")
        failures += [f"{entry.name}: {entry.error}"] if entry.error else []
        if entry.cost is not None:
            cells = _amounts(entry.cost.expected, entry.cost.most)
        rows.append((entry.name, *cells))
    columns = ("entry", *NARROW[2:])
    table = fitted(Table("sweep", "What the sweep takes, on one worker", columns, tuple(rows)), "entry")
    lines = list(failures)
    if cost.expected is not None and cost.most is not None:
        first = cost.open[0]
        lines.append(f"all unfinished entries, one worker: {bill_text(cost.expected, cost.most)}")
        lines.append(f"at {engineering(first.flops_per_second)} FLOP/s ({first.source})")
    if cost.judges is None or cost.judges > 0:
        lines.append(f"judges: at most {'?' if cost.judges is None else dollars_text(cost.judges)}")
    lines += [f"note: {note}" for note in dict.fromkeys(note for run in cost.open for note in run.notes)]
    return "\n".join([plain_text(table).rstrip("\n"), *map(filled, lines)]) + "\n"


def bill_text(expected: Bill, most: Bill) -> str:
    """Return text such as `1.2 T FLOPs, 3.4 s, $0.01 (at most 5.6 T FLOPs, 7.8 s, $0.02)`."""
    return f"{_bill(expected)} (at most {_bill(most)})"


def duration_text(seconds: float) -> str:
    """Return a time with three digits and a suitable unit, such as `2.31 h`."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def dollars_text(dollars: float) -> str:
    """Return dollars with cents, or with two digits below one cent."""
    return f"${dollars:,.2f}" if dollars >= 0.01 or dollars == 0 else f"${dollars:.2g}"


def _bill(bill: Bill) -> str:
    dollars = "" if bill.dollars is None else f", {dollars_text(bill.dollars)}"
    return f"{engineering(bill.flops)} FLOPs, {duration_text(bill.seconds)}{dollars}"


def _row(cost: RunCost, item: SplitCost) -> tuple[str, ...]:
    tokens, flops = item.tokens, item.flops
    counts = (item.examples, item.instructions, tokens.prompt, tokens.input, tokens.output)
    amounts = ("-",) * 4
    if flops is not None:
        amounts = _amounts(cost.bill(flops.expected.total), cost.bill(flops.most.total))
    return (item.system, item.split, *(f"{count:,}" for count in (*counts, tokens.output_most)), *amounts)


def _system_rows(cost: RunCost) -> Iterator[tuple[str, ...]]:
    """A row for each system, over all splits; without FLOPs where one split has none."""
    for system in dict.fromkeys(item.system for item in cost.splits):
        own = [item for item in cost.splits if item.system == system]
        known = [item.flops for item in own if item.flops is not None]
        amounts = ("-",) * 4
        if len(known) == len(own):
            expected = cost.bill(sum(flops.expected.total for flops in known))
            amounts = _amounts(expected, cost.bill(sum(flops.most.total for flops in known)))
        yield (system, f"{sum(item.examples for item in own):,}", *amounts)


def _tokens_line(cost: RunCost) -> str:
    tokens = [item.tokens for item in cost.splits]
    prompt, given, output, most = (
        sum(getattr(part, name) for part in tokens) for name in ("prompt", "input", "output", "output_most")
    )
    return (
        f"tokens: {prompt:,} of prompts, {given:,} of inputs, {output:,} of outputs (at most {most:,}); "
        "each split with --verbose"
    )


def _amounts(expected: Bill, most: Bill) -> tuple[str, str, str, str]:
    return (
        engineering(expected.flops),
        engineering(most.flops),
        duration_text(expected.seconds),
        duration_text(most.seconds),
    )


def _lines(cost: RunCost) -> Iterator[str]:
    yield f"one worker: {bill_text(cost.expected, cost.most)}"
    yield f"at {engineering(cost.flops_per_second)} FLOP/s ({cost.source})"
    yield from _memory_lines(cost)
    if cost.judge is not None:
        judge = cost.judge
        tokens = ""
        if judge.prompt_tokens:
            replies = "?" if judge.completion_tokens_most is None else f"{judge.completion_tokens_most:,}"
            tokens = f", about {judge.prompt_tokens:,} tokens of prompts, at most {replies} of replies"
        dollars = "" if not judge.dollars_most else f", at most {dollars_text(judge.dollars_most)}"
        yield f"judge {judge.judge}: at most {counted(judge.looks, 'comparison')}{tokens}{dollars}"
    for note in cost.notes:
        yield f"note: {note}"


def _memory_lines(cost: RunCost) -> Iterator[str]:
    """The largest of the systems, and how many can't be told."""
    told = {name: found for name, found in cost.memory.items() if found.peak is not None}
    if told:
        name, most = max(told.items(), key=lambda item: item[1].peak or 0)
        peak, weights = (f"{engineering(size or 0)}B" for size in (most.peak, most.weights))
        batch = f"batches of up to {counted(most.rows or 0, 'row')}"
        yield f"memory of the device: at most {peak} ({name}: {weights} of weights, {batch})"
    untold = {found.reason for found in cost.memory.values() if found.peak is None}
    for reason in sorted(filter(None, untold)):
        count = sum(found.reason == reason for found in cost.memory.values())
        yield f"memory of {counted(count, 'system')} left out: {reason}"
