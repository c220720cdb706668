"""Where measures are taken: loaded models, and the observations that are there already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gisteval.diagnostics.reading import Found, PromptReader
from gisteval.logs import progress
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_placed
from gisteval.models.running.base import PromptModel
from gisteval.pipeline.run.plan import Plan
from gisteval.records.diagnosis import Observation, observations_file, read_observations
from gisteval.records.schema import Example, digest
from gisteval.records.store import RecordWriter
from gisteval.scores.diagnosed.rows import Observed
from gisteval.suite import System

LOADED = 2
"""Checkpoints that are held at a time: what is looked at, and what it is compared with."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of a measure that is taken, and kept, as a whole.

    Attributes:
        measure: The measure's name.
        version: Goes up whenever the measure gives other values.
        system: What is looked at.
        reference: What it is compared with.
        split: Part of the task.
        settings: What is varied within the piece.
        identities: Digests of all that can change it, the models' among them.
        examples: The examples it is of; one of each instruction where instructions are looked at.
        take: Takes the measure, batch by batch.
    """

    measure: str
    version: int
    system: System
    reference: System | None
    split: str
    settings: tuple[str, ...]
    identities: tuple[str, ...]
    examples: Sequence[Example]
    take: Callable[[], Iterator[list[Found]]]

    def key(self, setting: str, content: str) -> str:
        """The identity of an observation."""
        return digest([self.measure, str(self.version), setting, *self.identities, content])

    def keys(self) -> set[str]:
        """Those of all observations of the piece."""
        return {self.key(setting, e.content_id) for setting in self.settings for e in self.examples}

    def observation(self, found: Found) -> Observation:
        """What was found, as it is kept."""
        example = found.example
        return Observation(
            key=self.key(found.setting, example.content_id),
            measure=self.measure,
            system=self.system.name,
            reference=None if self.reference is None else self.reference.name,
            split=self.split,
            setting=found.setting,
            example=example.id,
            content=example.content_id,
            cluster=example.instruction,
            values={name: _short(value) for name, value in found.values.items()},
            series={name: tuple(map(_short, values)) for name, values in found.series.items()},
            marks={
                name: tuple(None if mark is None else _short(mark) for mark in marks)
                for name, marks in found.marks.items()
            },
            texts=found.texts,
        )


Pieces = Callable[[System, str, Sequence[Example]], Iterator[Unit]]
"""The pieces of a measure on one system and split."""


class Bench:
    """The models of a plan, a few of them loaded, and the folder that observations are kept in."""

    def __init__(self, plan: Plan, folder: Path, later: Plan | None = None) -> None:
        """folder: of the run, or of the diagnosis itself; later: of the model that reads stored gists."""
        self.plan = plan
        self.later = later
        self.folder = folder
        self._loaded: dict[tuple[Path, int, str], PromptModel] = {}
        self._read: dict[Path, dict[str, Observation]] = {}

    def model(self, checkpoint: Checkpoint) -> PromptModel:
        """A checkpoint's model. The one that was used the longest ago makes room."""
        place = (checkpoint.path, checkpoint.record.k, str(checkpoint.record.condition))
        model = self._loaded.pop(place, None)
        if model is None:
            while len(self._loaded) >= LOADED:
                del self._loaded[next(iter(self._loaded))]
            progress.info("loading %s", checkpoint.path)
            model = load_placed(checkpoint, self.plan.placement)
        self._loaded[place] = model
        return model

    def reader(self, system: System) -> PromptReader:
        """A system, loaded."""
        model = self.model(system.checkpoint)
        thinking = self.plan.decoding.thinking
        return PromptReader(system.name, model, system.method(), system.budget, thinking)

    def identity(self, system: System) -> str:
        """The digest of all that can change what a system makes of an example."""
        return self.plan.identities[system.name].prefix()

    def positive(self, system: System) -> System:
        """The positive control of a system."""
        return self._named(self.plan.references[system.name])

    def negative(self, system: System) -> System:
        """The negative control of a system."""
        return self._named(self.plan.negatives[system.name])

    def _named(self, name: str) -> System:
        return next(system for system in self.plan.systems if system.name == name)

    def reading(
        self, system: System, measure: Callable[..., Iterator[list[Found]]], *arguments: object
    ) -> Iterator[list[Found]]:
        """What a measure finds with a system's reader, which loads its model when it is asked."""
        yield from measure(self.reader(system), *arguments)

    def compressed(self) -> list[System]:
        """The systems that compress."""
        return [system for system in self.plan.systems if system.role == "candidate"]

    def observed(self, systems: Iterable[System], pieces: Pieces) -> Observed:
        """What the pieces of some systems found, on all splits."""
        found: dict[str, list[Observation]] = {}
        for split, examples in self.plan.examples.items():
            for system in systems:
                for unit in pieces(system, split, examples):
                    found.setdefault(system.name, []).extend(self.observe(unit))
        return Observed(found, self.plan.negatives)

    def observe(self, unit: Unit) -> list[Observation]:
        """All observations of a piece; what is there already is not taken again."""
        file = observations_file(self.folder, unit.measure, unit.system.name)
        if file not in self._read:
            self._read[file] = {item.key: item for item in read_observations(file)}
        known, keys = self._read[file], unit.keys()
        if not keys <= known.keys():
            progress.info("%s: %s on %s", unit.measure, unit.system.name, unit.split)
            with RecordWriter(file) as writer:
                for batch in unit.take():
                    new = [item for item in map(unit.observation, batch) if item.key not in known]
                    writer.write([item.to_json() for item in new])
                    known.update((item.key, item) for item in new)
        mine = [known[key] for key in keys if key in known]
        places = {example.content_id: place for place, example in enumerate(unit.examples)}
        settings = {setting: place for place, setting in enumerate(unit.settings)}
        return sorted(mine, key=lambda item: (settings[item.setting], places[item.content]))


def _short(value: float) -> float:
    """A value with nine digits, more than float32 has."""
    return float(f"{value:.9g}")
