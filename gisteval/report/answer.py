"""The answer at the top of the page: one sentence, as a person would write it.

It says what `report.margins` shows and which share of the gap between the controls is retained. Intervals
and p-values are in the claims and tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gisteval.metrics import LEADING, metric
from gisteval.records.schema import ResultRow
from gisteval.report.claims import listed, verdict_sentence
from gisteval.report.doubts import NO_DOUBTS, Doubts
from gisteval.report.margins import Margin, is_candidate, margins
from gisteval.report.tables import rounded
from gisteval.stats import MARGIN

QUESTION = "Is the compressed prompt as good as the whole one?"

MANY = 3
"""The best of this many systems is quoted as the best of many."""

WORDS = {
    "good": f"as good as the whole prompt to within {MARGIN:g} points",
    "slightly": f"worse than the whole prompt, but by less than {MARGIN:g} points",
    "worse": "worse than the whole prompt",
    "open": "neither shown to be as good as the whole prompt nor shown to be worse",
}
"""What is shown, from the best to the one that shows nothing."""


def answer(rows: Sequence[ResultRow], doubts: Doubts = NO_DOUBTS, leading: str = LEADING) -> str:
    """Write the result of the runs in a sentence.

    Several gists of one control are answered by the most compressed one. Several compressors are counted.

    Args:
        rows: The rows of the results.
        doubts: What is known against the judges.
        leading: The metric that the report leads with.
    """
    _, found = margins(rows, doubts, leading)
    sure = [margin for margin in found if margin.why_open is None]
    if not found:
        return verdict_sentence(rows, doubts, leading)
    if not sure:
        reasons = "; ".join(dict.fromkeys(margin.why_open or "" for margin in found))
        return f"The data give no answer: {reasons}."
    sentences = []
    candidates = {row.system: row for row in rows if is_candidate(row)}
    groups: dict[str | None, list[str]] = {}
    for name in dict.fromkeys(margin.system for margin in sure):
        groups.setdefault(candidates[name].reference, []).append(name)
    one_kind: list[str] = []
    for names in groups.values():
        kinds = {candidates[name].compressor.partition(":")[0] for name in names}
        if len(kinds) == 1 and len({candidates[name].k for name in names}) == len(names):
            one_kind.append(min(names, key=lambda name: candidates[name].k))
        else:
            sentences.append(_counted(names, sure, rows, leading))
    if one_kind:
        sentences.insert(0, _told(one_kind, sure, rows, leading))
    return " ".join([*sentences, *doubts.sentences])


def word_of(margin: Margin) -> str:
    """The key of `WORDS` for a margin that allows a claim."""
    if margin.within:
        return "slightly" if margin.worse else "good"
    return "worse" if margin.worse else "open"


def _told(names: Sequence[str], sure: Sequence[Margin], rows: Sequence[ResultRow], leading: str) -> str:
    """Write what the named systems keep, and what is shown of them."""
    kept = {name: shares for name in names if (shares := _retained(name, rows, leading))}
    shown = {name: _shown([margin for margin in sure if margin.system == name]) for name in names}
    if not kept:
        return " ".join(f"{name} is {text}." for name, text in shown.items())
    verbs = ["keeps ", *[""] * (len(kept) - 1)]
    parts = [f"{name} {verb}{_range(kept[name])}" for name, verb in zip(kept, verbs, strict=True)]
    first = f"{listed(parts)} of the {metric(leading).title} that the prompt adds"
    if len(set(shown.values())) == 1:
        return f"{first}; {'it is' if len(names) == 1 else 'they are'} {shown[names[0]]}."
    return f"{first}. " + " ".join(f"{name} is {text}." for name, text in shown.items())


def _shown(found: Sequence[Margin]) -> str:
    """Write what is shown of a system, split by split where the splits differ."""
    splits: dict[str, list[str]] = {}
    for margin in found:
        splits.setdefault(word_of(margin), []).append(margin.split)
    if len(splits) == 1:
        return WORDS[next(iter(splits))]
    return ", ".join(
        f"{text} on {' and '.join(splits[word])}" for word, text in WORDS.items() if word in splits
    )


def _counted(names: Sequence[str], sure: Sequence[Margin], rows: Sequence[ResultRow], leading: str) -> str:
    """Count what is shown of many systems, each by its worst split, and name the one that keeps most."""
    words = {name: {word_of(margin) for margin in sure if margin.system == name} for name in names}
    worse = [name for name, found in words.items() if "worse" in found]
    undecided = [name for name, found in words.items() if "open" in found and name not in worse]
    good = len(names) - len(worse) - len(undecided)
    counts = [
        f"{good or 'none'} {'is' if good < 2 else 'are'} shown to lose less than {MARGIN:g} points "
        "against the whole prompt",
        *([f"{len(worse)} to be worse"] if worse else []),
        *([f"{len(undecided)} neither"] if undecided else []),
    ]
    sentence = f"Of {len(names)} compressed systems, {', '.join(counts)}"
    shares = {name: found for name in names if (found := _retained(name, rows, leading))}
    if not shares:
        return f"{sentence}."
    best = max(shares, key=lambda name: sum(shares[name]) / len(shares[name]))
    size = _size(best, rows)
    room = "" if size is None else f" in {rounded(size, 0)}% of its bytes"
    luck = f" (the best of {len(shares)}, so partly by luck)" if len(shares) >= MANY else ""
    most = f"{_range(shares[best])} of the {metric(leading).title} that the prompt adds"
    return f"{sentence}; {best} keeps most, {most}{room}{luck}."


def _retained(name: str, rows: Iterable[ResultRow], leading: str) -> list[float]:
    """The retention of a system in percent, by split, where its interval is bounded."""
    return [
        row.retention
        for row in rows
        if (row.system, row.metric) == (name, leading) and row.retention is not None
        if row.retention_ci_low is not None and row.retention_ci_high is not None
    ]


def _range(shares: Sequence[float]) -> str:
    low, high = rounded(min(shares), 0), rounded(max(shares), 0)
    return f"{low}%" if low == high else f"{low} to {high}%"


def _size(name: str, rows: Sequence[ResultRow]) -> float | None:
    """A system's stored bytes in percent of its whole prompt's, over all splits."""
    stored = {(row.system, row.split): row.value for row in rows if row.metric == "bytes"}
    reference = next((row.reference for row in rows if row.system == name and row.reference), "")
    pairs = [
        (size, stored[reference, split])
        for (system, split), size in stored.items()
        if system == name and stored.get((reference, split))
    ]
    return 100 * sum(size for size, _ in pairs) / sum(whole for _, whole in pairs) if pairs else None
