"""The two sides of a comparison: a system of a run each, and the examples that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gisteval.errors import GistevalError, InvalidRun, counted, did_you_mean
from gisteval.metrics.base import Metric
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example
from gisteval.scores.lines import ScoredOutput
from gisteval.scores.repeats import read_scores


@dataclass(frozen=True, slots=True)
class Side:
    """One system of one run; as text, its name and the run's path."""

    run: RunFolder
    system: str

    @property
    def is_positive(self) -> bool:
        """Whether the system is the positive control itself."""
        return any(s.name == self.system and s.role == "positive" for s in self.run.systems)

    def __str__(self) -> str:
        return f"{self.system} of {self.run.path}"


def choose_side(path: Path, system: str | None, option: str, like: str | None = None) -> Side:
    """Choose the system of a run that is compared: the one named, or the only one that is evaluated.

    Args:
        path: The run's folder.
        system: The name of the system, if the user gave one.
        option: The option that names the system, for messages.
        like: The name on the other side. It is preferred if the run evaluates several systems.

    Raises:
        GistevalError: The system is unknown, or several are possible.
        InvalidRun: The run has no outputs.
    """
    run = RunFolder.open(path)
    names = [entry.name for entry in run.systems]
    if not names:
        raise InvalidRun(f"{path} has timings only, no outputs to compare")
    evaluated = [entry.name for entry in run.systems if entry.is_evaluated]
    if system is not None:
        if system not in names:
            raise GistevalError(
                f"{path} has no system {system!r}{did_you_mean(system, names)}: "
                f"choose from {', '.join(names)} with {option}"
            )
        return Side(run, system)
    if len(evaluated) == 1:
        return Side(run, evaluated[0])
    if like in evaluated:
        return Side(run, like)
    raise GistevalError(
        f"{path} evaluates several systems: name one with {option}: {', '.join(evaluated or names)}"
    )


def shared_splits(candidate: Side, baseline: Side, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the splits to compare: those wanted, or all that both runs have, in the candidate's order.

    Raises:
        GistevalError: One of the runs lacks a split that is wanted.
        InvalidRun: The runs share no split.
    """
    for side in (candidate, baseline):
        for split in wanted:
            if split not in side.run.splits:
                known = ", ".join(side.run.splits)
                raise GistevalError(f"{side.run.path} has no split {split!r}: choose from {known}")
    if wanted:
        return tuple(dict.fromkeys(wanted))
    shared = tuple(split for split in candidate.run.splits if split in baseline.run.splits)
    if not shared:
        raise InvalidRun(
            f"{candidate.run.path} and {baseline.run.path} have no split in common: "
            "evaluate both on the same one"
        )
    return shared


def shared_examples(candidate: Side, baseline: Side, split: str) -> tuple[Example, ...]:
    """Return the examples of a split, which both runs must have evaluated. They are matched by content.

    In an import, examples that only one of the systems was asked are left out.

    Raises:
        InvalidRun: The runs have different examples, or none in common.
    """
    ours, theirs = candidate.run.examples(split), baseline.run.examples(split)
    here, there = {e.content_id for e in ours}, {e.content_id for e in theirs}
    if here != there or len(ours) != len(theirs):
        raise InvalidRun(
            f"split {split}: {candidate.run.path} has {counted(len(ours), 'example')}, {baseline.run.path} "
            f"{len(theirs)}, and {len(here & there)} are the same: "
            "compare runs with the same task, --limit and --choose"
        )
    alone = candidate.run.not_asked(candidate.system, split)
    alone |= baseline.run.not_asked(baseline.system, split)
    shared = tuple(example for example in ours if example.content_id not in alone)
    if not shared:
        raise InvalidRun(f"split {split}: {candidate} and {baseline} have no example in common")
    return shared


def read_values(
    run: RunFolder,
    system: str,
    split: str,
    examples: Sequence[Example],
    metrics: Sequence[Metric],
) -> dict[str, ScoredOutput]:
    """Read a system's outputs with their values of some metrics, by content id.

    Failed examples of a finished run are left out.

    Raises:
        InvalidRun: Another example has no record.
    """
    scored = read_scores(run, system, split, examples, metrics)
    by_content = {output.generation.content: output for output in scored}
    failed = run.failed(system, split)
    complete = {content for content, output in by_content.items() if output.complete}
    missing = [e for e in examples if e.content_id not in complete and e.id not in failed]
    if missing:
        raise InvalidRun(
            f"{run.path}: {system} has no record of {counted(len(missing), 'example')} of {split} "
            f"({missing[0].id}, ...): finish that run first"
        )
    return by_content
