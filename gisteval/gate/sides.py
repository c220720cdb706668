"""The two sides of a comparison: which system of which run, and the examples they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gisteval.errors import GistevalError, InvalidRun, counted, did_you_mean
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, Generation


@dataclass(frozen=True, slots=True)
class Side:
    """One system of one run."""

    run: RunFolder
    system: str

    @property
    def is_positive(self) -> bool:
        """Whether the system is the positive control itself."""
        return any(s.name == self.system and s.role == "positive" for s in self.run.systems)

    def __str__(self) -> str:
        return f"{self.system} of {self.run.path}"


def choose_side(path: Path, system: str | None, option: str, like: str | None = None) -> Side:
    """The system of a run that is compared: the one named, or the only one the run is about.

    like: a name that is taken if the run is about several (the other side's). Raises GistevalError,
    naming `option`, if that leaves a choice.
    """
    run = RunFolder.open(path)
    names = [found.name for found in run.systems]
    if not names:
        raise InvalidRun(f"{path} holds timings alone, and no outputs to compare")
    evaluated = [found.name for found in run.systems if found.is_evaluated]
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
        f"{path} is a run of several systems: name one with {option}: {', '.join(evaluated or names)}"
    )


def shared_splits(candidate: Side, baseline: Side, wanted: Sequence[str]) -> tuple[str, ...]:
    """The splits to compare: those wanted, or all that both runs have, in the candidate's order.

    Raises GistevalError if a wanted one is missing somewhere, InvalidRun if the runs share none.
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
        raise InvalidRun(f"{candidate.run.path} and {baseline.run.path} share no split: run the same one")
    return shared


def shared_examples(candidate: Side, baseline: Side, split: str) -> tuple[Example, ...]:
    """A split's examples, which both runs must have evaluated, by content.

    Raises InvalidRun otherwise: a mean over other examples is another quantity. Examples of an import that
    only one of both systems was asked are left out.
    """
    ours, theirs = candidate.run.examples(split), baseline.run.examples(split)
    here, there = {e.content_id for e in ours}, {e.content_id for e in theirs}
    if here != there or len(ours) != len(theirs):
        raise InvalidRun(
            f"split {split}: {candidate.run.path} has {counted(len(ours), 'example')}, {baseline.run.path} "
            f"{len(theirs)}, and {len(here & there)} are the same: compare runs of one task and --limit"
        )
    alone = candidate.run.not_asked(candidate.system, split)
    alone |= baseline.run.not_asked(baseline.system, split)
    shared = tuple(example for example in ours if example.content_id not in alone)
    if not shared:
        raise InvalidRun(f"split {split}: {candidate} and {baseline} were asked no example in common")
    return shared


def read_outputs(
    run: RunFolder, system: str, split: str, examples: Sequence[Example]
) -> dict[str, Generation]:
    """A system's generations by content id. Failures of a finished run are left out.

    Raises InvalidRun if any other example has no record.
    """
    found = {g.content: g for g in run.read_generations(system, split)}
    failed = run.failed(system, split)
    missing = [e for e in examples if e.content_id not in found and e.id not in failed]
    if missing:
        raise InvalidRun(
            f"{run.path}: {system} has no record of {counted(len(missing), 'example')} of {split} "
            f"({missing[0].id}, ...): finish that run first"
        )
    return found
