"""manifest.json as typed values: how a run came about, written before it begins.

Runs and imports make their manifest here, and whatever reads a folder has it from here. A manifest of an
older version is read: what it did not write yet has a default. `check` says what the types can't.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from gisteval.errors import GistevalError
from gisteval.files.foreign import read_json
from gisteval.records.json_object import OPTIONAL, Count, JsonObject, Name, Positive, Text, WrongField
from gisteval.records.schema import Condition, Control
from gisteval.registry import current_spec

MANIFEST = "manifest.json"

Role = Literal["candidate", "positive", "negative"]


@dataclass(frozen=True)
class Identity(JsonObject):
    """What must be the same for a folder to be continued.

    Attributes:
        task: The task's name.
        examples: By split, a digest of its examples.
        systems: By name, a digest of all that can change the system's outputs.
    """

    task: Name
    examples: Mapping[str, object] = field(default_factory=dict)
    systems: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class System(JsonObject):
    """One system of a run.

    Attributes:
        reference: Its positive control; None if the run has none for it.
        negative: Its negative control. None in folders of older versions too.
        evaluated: Whether the run is about it. None in folders of older versions: candidates are.
        condition: How the checkpoint was read.
        control: Whether a control was trained as such, or is the candidate's own weights.
        compressor: The compressor's text form.
        budget: Slots or tokens that it may keep, or a share of the instruction ("25%").
        k: Number of gist tokens.
        checkpoint: The folder of the weights, None for outputs made elsewhere.
        weights: Their digest.
        loss: Steps of the training with the loss at each.
        rerun_flops: The FLOPs of running the n tokens that it keeps again at each use, as coefficients of
            1, n and n². Empty where states are kept, None where they are not known.
    """

    name: Name
    role: Role
    reference: Name | None = None
    negative: Name | None = field(default=None, metadata=OPTIONAL)
    evaluated: bool | None = field(default=None, metadata=OPTIONAL)
    condition: Condition | None
    control: Control | None
    compressor: str
    budget: Count | str | None = None
    k: Count
    checkpoint: str | None = None
    weights: str | None = None
    loss: tuple[tuple[float, float], ...] = ()
    rerun_flops: tuple[float, ...] | None = field(default=None, metadata=OPTIONAL)

    @property
    def is_evaluated(self) -> bool:
        """Whether the run is about this system."""
        return self.role == "candidate" if self.evaluated is None else self.evaluated

    @property
    def budget_text(self) -> str:
        """The budget as a user writes it; empty without one."""
        return "" if self.budget is None else str(self.budget)


@dataclass(frozen=True, kw_only=True)
class SelfCheckFacts(JsonObject):
    """How far apart a system's paths were before it was evaluated, in nats, and what its states take.

    See `gisteval.generation.selfcheck`. Older versions measured less: what they lack is None.

    Attributes:
        slot_bytes: States of one slot in memory, of all layers.
        buffer_ratio: Slots of the buffers in which a prompt is used over those that it keeps; None where
            none stay empty.
    """

    examples: Count
    tokens: Count
    max_nll_difference: float
    greedy_mismatches: Count
    decoded: Count | None = field(default=None, metadata=OPTIONAL)
    loss_difference: float | None = field(default=None, metadata=OPTIONAL)
    decoded_difference: float | None = field(default=None, metadata=OPTIONAL)
    state_ratio: float | None = field(default=None, metadata=OPTIONAL)
    batch_difference: float | None = field(default=None, metadata=OPTIONAL)
    stock_difference: float | None = field(default=None, metadata=OPTIONAL)
    rounding: float | None = field(default=None, metadata=OPTIONAL)
    tolerance: float | None = field(default=None, metadata=OPTIONAL)
    broken_rows: Count | None = field(default=None, metadata=OPTIONAL)
    slot_bytes: Count | None = field(default=None, metadata=OPTIONAL)
    buffer_ratio: float | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class DroppedParameter(JsonObject):
    """A parameter that a judge's server refused: the value it had (None for a schema), and why."""

    value: object
    reason: str


@dataclass(frozen=True, kw_only=True)
class JudgeFacts(JsonObject):
    """What a judge's verdicts rest on.

    Attributes:
        name: The judge's own name; its verdicts bear a label that may say the model as well.
        kind: reference, openai, local, human or imported. Empty in folders of older versions.
        orders: In which orders it saw each pair.
        prompt: Digest of its prompt, schema and parameters.
        identity: Digest of all that can change a verdict.
        parameters: What is sent with each request.
        dropped: Parameters that its server refused, by name.
        thoughts: Pairs of marks around what the model thinks.
        note: What every report must say of it.
        notes: The same with what was found in its verdicts.
    """

    name: str = ""
    version: Count = 0
    kind: str = ""
    model: str | None = None
    base_url: str | None = None
    orders: str = ""
    prompt: str | None = None
    identity: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    dropped: Mapping[str, DroppedParameter] = field(default_factory=dict)
    thoughts: tuple[tuple[str, ...], ...] = ()
    note: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SavedFigure(JsonObject):
    """A number saved in an imported release beside what its rows give, both in percent."""

    metric: str
    system: str
    split: str
    saved: float
    recomputed: float
    agrees: bool


@dataclass(frozen=True, kw_only=True)
class Manifest(JsonObject):
    """Everything that manifest.json says.

    Attributes:
        config: The run's configuration, or nothing for an import.
        command: The command line.
        device: Where it ran ("none" for an import).
        notes: What was known before the run began.
        splits: Number of examples of each split.
        self_check: By system.
        judges: By the name that their verdicts bear.
        executor: Who made the records.
        saved_figures: Of an import of a release.
        source: The files of an import.
        not_asked: By system and split, content ids of examples that were asked of others alone.
        own_references: Systems whose outputs came with references of their own.
        unfinished: An import is being written.
        result_notes: What every report must say, once there are results.
        metrics: What the task names, in the order of its rows; empty for the usual ones.
        samples: Answers that were drawn for each example; None where answers are greedy.
        signature: Task with version, seed and provenance of the numbers' signature.
    """

    identity: Identity
    config: Mapping[str, object] = field(default_factory=dict)
    command: tuple[str, ...]
    versions: Mapping[str, str]
    device: str
    device_map: str | Mapping[Text, object] | None = None
    dtype: str
    quantize: str | None = None
    notes: tuple[str, ...] = ()
    systems: tuple[System, ...]
    splits: Mapping[str, Positive]
    self_check: Mapping[str, SelfCheckFacts] = field(default_factory=dict)
    judges: Mapping[str, JudgeFacts] = field(default_factory=dict)
    executor: Mapping[str, object] | None = field(default=None, metadata=OPTIONAL)
    saved_figures: tuple[SavedFigure, ...] | None = field(default=None, metadata=OPTIONAL)
    source: object = field(default=None, metadata=OPTIONAL)
    not_asked: Mapping[str, Mapping[str, tuple[str, ...]]] | None = field(default=None, metadata=OPTIONAL)
    own_references: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    unfinished: bool | None = field(default=None, metadata=OPTIONAL)
    result_notes: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    metrics: tuple[Name, ...] = ()
    samples: Positive | None = field(default=None, metadata=OPTIONAL)
    signature: Mapping[str, object] = field(default_factory=dict)

    @property
    def references(self) -> dict[str, str]:
        """The positive control of each system, its own among them; empty if the run has none."""
        references = {system.name: system.reference for system in self.systems}
        positives = [system.name for system in self.systems if system.role == "positive"]
        if not any(references.values()) and len(positives) == 1:
            references = dict.fromkeys(references, positives[0])  # version 0.1 named none
        return {name: reference for name, reference in references.items() if reference}

    @property
    def report_notes(self) -> tuple[str, ...]:
        """What every report of the results must say, of its judges too."""
        notes = self.notes if self.result_notes is None else self.result_notes
        return (*notes, *(note for judge in self.judges.values() for note in judge.notes))

    def continuing(self, before: Manifest, run: Path) -> Manifest:
        """This manifest for a folder that holds another one, with what was found out there before.

        Raises:
            GistevalError: That one is of another run.
        """
        theirs = before.identity.to_json()
        for part, value in self.identity.to_json().items():
            if theirs.get(part) != value:
                raise GistevalError(f"{run} holds another run (its {part} differ): choose another --output")
        return replace(
            self,
            self_check=before.self_check,
            judges=before.judges,
            executor=self.executor if before.executor is None else before.executor,
            extra={**before.extra, **self.extra},
        )

    def check(self) -> None:
        """Look at what types can't say.

        Raises:
            WrongField: A run without systems or splits, two systems of one name, or an unknown reference.
        """
        timings_alone = self.saved_figures is not None  # an import of a release that has no outputs
        if not self.systems and not timings_alone:
            raise WrongField("systems", [], "what a run has")
        if not self.splits and not timings_alone:
            raise WrongField("splits", {}, "what a run has")
        names = [system.name for system in self.systems]
        for number, system in enumerate(self.systems):
            if system.reference is not None and system.reference not in names:
                raise WrongField(f"systems[{number}].reference", system.reference, "a system of this run")
            if system.name in names[:number]:
                raise WrongField(f"systems[{number}].name", system.name, "a name of its own")


def read_manifest(file: Path) -> Manifest:
    """A run's manifest.

    Raises:
        GistevalError: It is damaged; the message names the field that does not hold what it should.
    """
    try:
        manifest = Manifest.from_json(read_json(file))
        manifest.check()
    except WrongField as error:
        raise GistevalError(
            f"{file} is damaged or no manifest ({error}): choose another --output"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise GistevalError(f"{file} is damaged or no manifest: choose another --output") from error
    systems = (replace(system, compressor=current_spec(system.compressor)) for system in manifest.systems)
    return replace(manifest, systems=tuple(systems))
