"""The systems of the compressors that were asked for: which weights each reads, and how it is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gisteval.compressors.base import Compressor, check_budget
from gisteval.compressors.gist.gist import check_slots
from gisteval.compressors.spec import CompressorSpec, split_parts
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.records.budget import Budget
from gisteval.registry import CONDITION_COMPRESSOR, ORACLE_NOTE, keeps_gists
from gisteval.suite.system import System


@dataclass(frozen=True, slots=True)
class RequestedCompressor:
    """A compressor that was asked for.

    Attributes:
        spec: Its canonical text.
        method: The compressor itself.
        budgets: A system each; None is the compressor's own choice.
        label: What systems are named after: the spec, or the old name that it was asked for by, so that
            runs of before go on.
        stays_trained: Whether it leaves the budgets to others.
    """

    spec: str
    method: Compressor
    budgets: tuple[Budget | None, ...]
    label: str
    stays_trained: bool


@dataclass(frozen=True, slots=True)
class ReadableCheckpoints:
    """The checkpoints that compressors may read.

    Attributes:
        candidates: Gist checkpoints and plain models.
        positive: The trained positive control.
        single: The control that is evaluated by itself.
    """

    candidates: tuple[Checkpoint, ...]
    positive: Checkpoint | None
    single: Checkpoint | None


def parse_requested(
    compressors: Sequence[str], budgets: Sequence[Budget]
) -> tuple[RequestedCompressor, ...]:
    """The compressors of some specs, without repetition.

    Raises:
        GistevalError: A spec is wrong, or no compressor takes the budgets.
    """
    labels: dict[CompressorSpec, str] = {}
    for text in compressors:
        spec = CompressorSpec.parse(text)
        written = split_parts(text)[0].partition(":")[0].strip()
        labels.setdefault(spec, str(spec).replace(spec.name, written, 1))
    methods = {spec: spec.build() for spec in labels}
    check_budget(budgets, methods.values())
    beside = any(method.takes_budget and not method.needs_gists for method in methods.values())
    requested = []
    for spec, method in methods.items():
        # Gists keep what they were trained to keep. A budget lets prompt tokens leak beside them, which is
        # a question of its own. Beside other compressors the budgets are meant for those.
        stays_trained = bool(budgets) and method.needs_gists and beside
        follows = bool(budgets) and method.takes_budget and not stays_trained
        budgets_of_spec: tuple[Budget | None, ...] = tuple(budgets) if follows else (None,)
        requested.append(
            RequestedCompressor(str(spec), method, budgets_of_spec, labels[spec], stays_trained)
        )
    return tuple(requested)


def requested_systems(
    requested: Sequence[RequestedCompressor], checkpoints: ReadableCheckpoints
) -> tuple[list[System], list[str]]:
    """A system for each compressor, budget and checkpoint that it reads, and notes on them.

    Raises:
        GistevalError: A compressor can't read any of the checkpoints.
    """
    notes = [
        f"{item.spec}: gists keep what they were trained to keep, --budget is of the other compressors."
        for item in requested
        if item.stays_trained
    ]
    if not all(item.method.reusable for item in requested):
        notes.append(ORACLE_NOTE)
    systems = [
        system
        for checkpoint in _trained(checkpoints)
        for item in requested
        if item.method.reads == "own"
        for system in _own(item, checkpoint)
    ]
    for item in requested:
        if item.method.reads == "full":
            for checkpoint in _full(item, checkpoints, notes):
                systems += _systems(item, checkpoint)
    return systems, list(dict.fromkeys(notes))


def _trained(checkpoints: ReadableCheckpoints) -> Sequence[Checkpoint]:
    """What the compressors read that read a checkpoint as it was trained."""
    return checkpoints.candidates or ([checkpoints.single] if checkpoints.single else [])


def _own(item: RequestedCompressor, checkpoint: Checkpoint) -> Iterator[System]:
    """The systems of a checkpoint that is read as its own training asks."""
    record = checkpoint.record
    if record.condition == "pos_control":
        if item.method.needs_gists:
            raise GistevalError(
                f"{checkpoint.path} is a positive control, trained to read whole prompts: compressor "
                f"{item.spec} reads a gist checkpoint, give one or the suite"
            )
        if item.spec == CONDITION_COMPRESSOR["pos_control"]:
            return  # the positive control itself
    if item.method.needs_gists:
        if not record.k:
            raise GistevalError(
                f"{checkpoint.path} has no gist tokens: compressor {item.spec} needs a k, give --k"
            )
        item = _in_segments(item, checkpoint)
        for budget in item.budgets if item.method.takes_budget else ():
            check_slots(budget, record.k, str(checkpoint.path))
    yield from _systems(item, checkpoint)


def _in_segments(item: RequestedCompressor, checkpoint: Checkpoint) -> RequestedCompressor:
    """Gists as the checkpoint was trained to keep them: behind each segment, where it was trained so."""
    segments = checkpoint.record.segments
    if segments is None or not keeps_gists(item.spec):
        return item
    if item.budgets != (None,):
        raise GistevalError(
            f"{checkpoint.path} was trained with gists in segments, which take no budget: leave --budget "
            f"out, or ask for {segments.spec}"
        )
    own = CompressorSpec.parse(segments.spec)
    spec = replace(own, around=CompressorSpec.parse(item.spec).around)
    return replace(item, spec=str(spec), method=spec.build())


def _full(
    item: RequestedCompressor, checkpoints: ReadableCheckpoints, notes: list[str]
) -> list[Checkpoint]:
    """The checkpoints of a compressor that reads whole prompts: the positive control, and plain models."""
    plain = [candidate for candidate in checkpoints.candidates if candidate.record.condition is None]
    if checkpoints.positive is not None:
        return [checkpoints.positive, *plain]
    trained = [candidate for candidate in checkpoints.candidates if candidate not in plain]
    if trained:
        notes.append(
            f"{item.spec} reads {trained[0].record.name}'s own weights as those of a plain model, since "
            "there is no trained positive control: name one with --pos-control."
        )
    return [*trained[:1], *plain]


def _systems(item: RequestedCompressor, checkpoint: Checkpoint) -> Iterator[System]:
    """A system for each budget."""
    record = checkpoint.record
    item.method.check_architecture(checkpoint.architecture.name, str(checkpoint.path))
    condition = record.condition if item.method.reads == "own" else None
    for budget in item.budgets:
        as_trained = (
            item.method.needs_gists
            and condition == "gist"
            and item.spec == record.compressor
            and _is_trained(budget, checkpoint)
        )
        suffix = "" if budget is None else f"-{budget}"
        oracle = "" if item.method.reusable else "-oracle"
        label = record.name if as_trained else f"{record.name}-{item.label}{suffix}{oracle}"
        yield System(label, checkpoint, "candidate", condition, None, item.spec, budget)


def _is_trained(budget: Budget | None, checkpoint: Checkpoint) -> bool:
    """Whether gists keep what their checkpoint was trained to keep."""
    record = checkpoint.record
    return budget is None or budget.slots == record.k + record.leak_window
