"""The suite of a folder: candidates with their positive and negative controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gisteval.controls import check_control
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import (
    GIST_FILE,
    Checkpoint,
    inspect_checkpoint,
    is_checkpoint,
    read_record,
)
from gisteval.records.budget import Budget
from gisteval.records.schema import Condition
from gisteval.registry import CONDITION_COMPRESSOR
from gisteval.suite.requested import (
    ReadableCheckpoints,
    RequestedCompressor,
    parse_requested,
    requested_systems,
)
from gisteval.suite.system import Role, System


@dataclass(frozen=True, slots=True)
class Suite:
    """Systems that share one pair of controls. `path` is the folder that was given for them."""

    systems: tuple[System, ...]
    notes: tuple[str, ...]
    path: Path

    @property
    def evaluated(self) -> tuple[System, ...]:
        """What the suite is about: its candidates, or the single control checkpoint asked for."""
        candidates = [system for system in self.systems if system.role == "candidate"]
        single_controls = [
            s for s in self.systems if s.control == "trained" and s.checkpoint.path == self.path
        ]
        return tuple(candidates or single_controls)

    @property
    def positive(self) -> System:
        """The positive control."""
        return next(system for system in self.systems if system.role == "positive")

    @property
    def negative(self) -> System:
        """The negative control."""
        return next(system for system in self.systems if system.role == "negative")


@dataclass(frozen=True, slots=True)
class SuiteOptions:
    """What flags say about the checkpoints of a suite.

    Attributes:
        pos_control: A trained positive control, in place of the one beside a checkpoint.
        neg_control: A trained negative control, likewise.
        condition: In place of a single checkpoint's own.
        k: In place of a single checkpoint's own.
        compressors: Specs, in place of the compressor of each checkpoint's condition.
        budgets: What each compressor that takes a budget keeps, a system for each.
        allow_pickle: Whether .bin weights may be loaded.
        base: Of all adapters or differences of the suite.
        chat_template: Role of the instruction in all of them.
    """

    pos_control: Path | None = None
    neg_control: Path | None = None
    condition: Condition | None = None
    k: int | None = None
    compressors: tuple[str, ...] = ()
    budgets: tuple[Budget, ...] = ()
    allow_pickle: bool = False
    base: Path | None = None
    chat_template: str | None = None

    def inspect(self, path: Path, condition: Condition | None = None, k: int | None = None) -> Checkpoint:
        """One checkpoint of the suite, read under this condition and k if they are given."""
        return inspect_checkpoint(path, condition, k, self.allow_pickle, self.base, self.chat_template)


def build_suite(path: Path, options: SuiteOptions) -> Suite:
    """The suite of a `--model` folder: all its checkpoints, or one checkpoint and its controls.

    A single checkpoint finds controls of its family beside it; failing that its own weights serve as
    untrained controls, with the full prompt and with none.
    """
    requested = parse_requested(options.compressors, options.budgets)
    notes: list[str] = []
    candidates, controls = _members(path, options, notes)
    anchor = (candidates or list(controls.values()))[0]
    named: dict[Condition, Path | None] = {
        "pos_control": options.pos_control,
        "neg_control": options.neg_control,
    }
    for condition, control_path in named.items():
        if control_path is not None:
            if condition in controls and controls[condition].path == path:
                flag = condition.replace("_", "-")
                raise GistevalError(f"{path} is read as the {flag} itself: leave out --{flag}")
            controls[condition] = options.inspect(control_path, condition)
    for control in controls.values():
        notes += check_control(control, [c for c in candidates or [anchor] if c.path != control.path])
    systems = [_control(anchor, controls, "pos_control", notes)]
    if requested:
        systems += _requested_systems(requested, path, candidates, controls, notes)
    else:
        systems += [_as_trained(candidate) for candidate in candidates if candidate.record.condition]
    systems.append(_control(anchor, controls, "neg_control", notes))
    if len({system.name for system in systems}) < len(systems):
        raise GistevalError(f"{path}: two systems have the same name: {[s.name for s in systems]}")
    return Suite(tuple(systems), tuple(notes), path)


def _members(
    path: Path, options: SuiteOptions, notes: list[str]
) -> tuple[list[Checkpoint], dict[Condition, Checkpoint]]:
    """Candidates and trained controls under `path` (or beside it, for a single checkpoint)."""
    if not path.is_dir():
        raise GistevalError(f"model {path} does not exist: give a folder or a hub name")
    if is_checkpoint(path):
        single = options.inspect(path, options.condition, options.k)
        _note_reading(single, notes)
        beside = _siblings(path, single, options)
        if single.record.condition in ("pos_control", "neg_control"):
            return [], {**beside, single.record.condition: single}
        return [single], beside
    if options.condition is not None or options.k is not None:
        raise GistevalError(f"{path} is a suite: --condition and --k describe a single checkpoint")
    members = [
        options.inspect(folder)
        for folder in sorted(path.iterdir())
        if folder.is_dir() and is_checkpoint(folder)
    ]
    if not members:
        raise GistevalError(f"{path} holds no checkpoint (a folder with config.json and weights)")
    controls: dict[Condition, Checkpoint] = {}
    for member in members:
        condition = member.record.condition
        if condition in ("pos_control", "neg_control"):
            if condition in controls:
                raise GistevalError(f"{path} holds two checkpoints trained as {condition}: keep one")
            controls[condition] = member
    candidates = [m for m in members if m.record.condition not in controls]
    if not options.compressors and len(members) > 1:
        plain = [m for m in candidates if m.record.condition is None]
        candidates = [m for m in candidates if m not in plain]
        notes += [f"{m.path} has no gist.json (half-written, or a plain model): left out." for m in plain]
    if not candidates and not controls:
        raise GistevalError(f"{path} holds no checkpoint with a gist.json: choose one with --model")
    return sorted(candidates, key=lambda m: (m.record.family, m.record.k)), controls


def _siblings(path: Path, checkpoint: Checkpoint, options: SuiteOptions) -> dict[Condition, Checkpoint]:
    """Trained controls of the same family beside a checkpoint; other folders there may be broken."""
    controls: dict[Condition, Checkpoint] = {}
    if checkpoint.record.condition is None:
        return controls
    for folder in sorted(path.resolve().parent.iterdir()):
        if folder != path.resolve() and folder.is_dir() and (folder / GIST_FILE).is_file():
            other = read_record(folder, None, None)
            condition = other.condition
            is_control = condition in ("pos_control", "neg_control")
            if (
                is_control
                and condition
                and condition not in controls
                and other.family == checkpoint.record.family
            ):
                controls[condition] = options.inspect(folder)
    return controls


def _requested_systems(
    requested: Sequence[RequestedCompressor],
    path: Path,
    candidates: Sequence[Checkpoint],
    controls: Mapping[Condition, Checkpoint],
    notes: list[str],
) -> list[System]:
    """The systems of the compressors that were asked for, on the weights that each of them reads."""
    single = next((control for control in controls.values() if control.path == path), None)
    if single is not None and single.record.condition == "neg_control":
        raise GistevalError(
            f"{path} is a negative control, which sees nothing of a prompt: --compressor has nothing to "
            "compress there, give a gist checkpoint, a positive control or their suite"
        )
    readable = ReadableCheckpoints(tuple(candidates), controls.get("pos_control"), single)
    systems, method_notes = requested_systems(requested, readable)
    notes += method_notes
    return systems


def _as_trained(checkpoint: Checkpoint) -> System:
    """A candidate through the compressor of its own condition."""
    record = checkpoint.record
    compressor = record.compressor or CONDITION_COMPRESSOR["gist"]
    system = System(record.name, checkpoint, "candidate", record.condition, None, compressor)
    system.method().check_architecture(checkpoint.architecture.name, str(checkpoint.path))
    return system


def _control(
    anchor: Checkpoint,
    controls: dict[Condition, Checkpoint],
    condition: Condition,
    notes: list[str],
) -> System:
    role: Role = "positive" if condition == "pos_control" else "negative"
    compressor = CONDITION_COMPRESSOR[condition]
    trained = controls.get(condition)
    if trained is not None:
        return System(trained.record.name, trained, role, condition, "trained", compressor)
    prompt = "the full prompt" if role == "positive" else "no prompt"
    notes.append(
        f"{condition} is untrained: {anchor.record.name}'s own weights with {prompt}. That is not the "
        f"paper's control; name a trained one with --{condition.replace('_', '-')}."
    )
    name = f"{anchor.record.name}-{condition}-untrained"
    return System(name, anchor, role, condition, "untrained", compressor)


def _note_reading(checkpoint: Checkpoint, notes: list[str]) -> None:
    """Warn of a checkpoint that is read otherwise than it was trained."""
    trained = checkpoint.record.trained_as
    read = f"{checkpoint.record.condition}-{checkpoint.record.k}"
    if trained not in (None, read):
        notes.append(f"{checkpoint.path} is evaluated as {read}, but it was trained as {trained}.")
