"""The paper's released verdicts as records. Their traps, each handled here:

- `choice` speaks of the systems, not of the places shown: it was un-swapped when it was saved. Its case
  differs from row to row.
- Which answer was shown first follows from `swapped`: if true, `names["b"]`'s was.
- `scores` were saved before replies were mended ("(FIXED JSON PARSE)"), and counted "A" apart from "a" at
  times: they are kept for comparison only.
- A reply nobody could read was saved as a tie ("Could not parse JSON"): it is invalid here.
- An empty output was read as NaN.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gisteval.errors import GistevalError
from gisteval.files.foreign import read_json
from gisteval.importer.layout import verdict_file_name
from gisteval.records.schema import Choice, Order, Verdict, digest

IMPORTED = "imported:"
"""Begins the name of a judge whose verdicts were made elsewhere; they are never pooled with fresh ones."""

_MENDED = "(FIXED JSON PARSE)"
_UNREADABLE = "Could not parse JSON"
_CHOICES: dict[str, Choice] = {"a": "a", "b": "b", "tie": "tie"}
_POINTS: dict[Choice, float] = {"a": 1.0, "tie": 0.5, "b": 0.0}


@dataclass(frozen=True, slots=True)
class ReleasedVerdict:
    """One row: the prompt and both outputs as the judge saw them, and what it said.

    choice "a" is the file's `system`, "b" its `reference`, whatever `order` they were shown in. mended:
    the reply was no JSON and its authors read it by hand.
    """

    prompt: str
    output: str
    reference_output: str
    order: Order
    choice: Choice
    reason: str
    mended: bool


@dataclass(frozen=True, slots=True)
class VerdictFile:
    """One file: a judge's verdicts on `system` against `reference`. cost is in dollars, for all rows.

    saved_win_rate: the percentage that the file's own `scores` claim, None if it has none.
    """

    path: Path
    judge: str
    system: str
    reference: str
    split: str
    steps: int
    rows: tuple[ReleasedVerdict, ...]
    saved_win_rate: float | None
    cost: float

    @property
    def win_rate(self) -> float | None:
        """The system's win rate from the rows, in percent, ties half; None if no row can be read."""
        points = [_POINTS[row.choice] for row in self.rows if row.choice in _POINTS]
        return 100 * sum(points) / len(points) if points else None

    def records(self, task: str, pairs: Sequence[str | None]) -> Iterator[Verdict]:
        """The rows as records of this judge; those that are on no known example are left out.

        pairs: the content id of each row's example, None where it is not known.
        """
        seen: Counter[str] = Counter()
        for row, pair in zip(self.rows, pairs, strict=True):
            key = self._key(row)
            seen[key] += 1
            if pair is not None:
                yield Verdict(
                    # Copies of an example may have the same texts; each is a verdict of its own.
                    key=key if seen[key] == 1 else digest([key, str(seen[key])]),
                    pair=pair,
                    task=task,
                    split=self.split,
                    system=self.system,
                    reference=self.reference,
                    judge=self.judge,
                    purpose="main",
                    order=row.order,
                    choice=row.choice,
                    reply=row.reason,
                    cost=self.cost / len(self.rows),
                    provenance=f"{self.path.parent.name}/{self.path.name}",
                )

    def _key(self, row: ReleasedVerdict) -> str:
        names = (self.judge, self.split, self.system, self.reference, str(self.steps))
        return digest([*names, row.prompt, row.output, row.reference_output, row.order])


def read_verdict_file(path: Path) -> VerdictFile:
    """A released verdict file. Raises GistevalError naming the file and its first wrong row."""
    name = verdict_file_name(path)
    try:
        content = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise GistevalError(f"{path} is damaged or no JSON: fetch it again") from error
    try:
        systems = (str(content["names"]["a"]), str(content["names"]["b"]))
        found = content["results"]
        scores = content.get("scores") or {}
        if systems != (name.system, name.reference):
            raise GistevalError(f"{path} compares {systems[0]} with {systems[1]}, its name says otherwise")
        rows = tuple(_row(row, systems, f"{path}, row {number}") for number, row in enumerate(found, 1))
        cost = float(content.get("estimated_cost") or 0.0)
        saved = _saved_win_rate(scores, systems)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise GistevalError(f"{path} is no verdict file: it needs names, scores and results") from error
    if not rows:
        raise GistevalError(f"{path} holds no verdicts: fetch it again")
    return VerdictFile(
        path, IMPORTED + name.judge, name.system, name.reference, name.split, name.steps, rows, saved, cost
    )


def _row(row: Any, systems: tuple[str, str], where: str) -> ReleasedVerdict:
    try:
        prompt, choice, reason, swapped = row["x"], row["choice"], row["reason"], row["swapped"]
        outputs = [_text(row[system]) for system in systems]
    except (LookupError, TypeError) as error:
        raise GistevalError(
            f"{where}: expected x, choice, reason, swapped and both systems' outputs, fetch the file again"
        ) from error
    if not isinstance(swapped, bool) or not all(isinstance(part, str) for part in (prompt, choice, reason)):
        raise GistevalError(f"{where}: x, choice and reason must be texts, swapped true or false")
    readable = not reason.startswith(_UNREADABLE)
    return ReleasedVerdict(
        prompt=prompt,
        output=outputs[0],
        reference_output=outputs[1],
        order="ba" if swapped else "ab",
        choice=_CHOICES.get(choice.strip().lower(), "invalid") if readable else "invalid",
        reason=reason,
        mended=reason.startswith(_MENDED),
    )


def _text(output: Any) -> str:
    # pandas read an empty field as NaN, and JSON got it that way.
    return "" if output is None or output != output else str(output)


def _saved_win_rate(scores: Any, systems: tuple[str, str]) -> float | None:
    points = [float(scores.get(system, 0.0)) for system in systems]
    return 100 * points[0] / sum(points) if sum(points) else None
