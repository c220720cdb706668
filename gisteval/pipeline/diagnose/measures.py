"""How each measure is taken over the systems of a plan, and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from gisteval.diagnostics.divergence import FullPrompt, divergence
from gisteval.diagnostics.drift import drift, reading_stored
from gisteval.diagnostics.reading import SETTINGS, Found
from gisteval.diagnostics.work import SETTING as REFERENCE
from gisteval.diagnostics.work import work
from gisteval.gate.stored_gists import stored_gists_verdicts
from gisteval.pipeline.diagnose.bench import Bench, Unit
from gisteval.pipeline.diagnose.gist_measures import (
    take_leakage,
    take_reconstruction,
    take_states,
    take_strictness,
)
from gisteval.records.diagnosis import Observation
from gisteval.records.schema import Example, digest
from gisteval.scores.diagnosed.choice import summarise_choice
from gisteval.scores.diagnosed.divergence import summarise as summarise_divergence
from gisteval.scores.diagnosed.drift import drift_rows
from gisteval.scores.diagnosed.rows import Observed, Summary
from gisteval.scores.diagnosed.training import Training, summarise_training
from gisteval.scores.diagnosed.work import summarise_work
from gisteval.suite import System

Take = Callable[[Bench], Summary]
"""Takes a measure over all systems and splits of a plan."""


def take_divergence(bench: Bench) -> Summary:
    """Every system beside its positive control."""
    return summarise_divergence(_observed_divergence(bench))


def _observed_divergence(bench: Bench) -> Observed:
    found: dict[str, list[Observation]] = {}
    for split, examples in bench.plan.examples.items():
        for positive in _positives(bench):
            full = _FullPrompts(bench, positive, examples)
            for system in compared(bench, positive):
                unit = Unit(
                    *("divergence", 1, system, positive, split, SETTINGS),
                    (bench.identity(system), bench.identity(positive)),
                    examples,
                    partial(full.beside, system),
                )
                found.setdefault(system.name, []).extend(bench.observe(unit))
    return Observed(found, bench.plan.negatives)


class _FullPrompts:
    """The full prompt's predictions on a split, made when the first system needs them."""

    def __init__(self, bench: Bench, positive: System, examples: Sequence[Example]) -> None:
        self._bench, self._positive, self._examples = bench, positive, examples
        self._made: FullPrompt | None = None

    def beside(self, system: System) -> Iterator[list[Found]]:
        """A system's divergence from them."""
        if self._made is None:
            reader = self._bench.reader(self._positive)
            limit = self._bench.plan.decoding.max_new_tokens
            gists = max(other.k for other in self._bench.plan.systems)
            self._made = FullPrompt(reader, self._examples, limit, gists)
        yield from divergence(self._made, self._bench.reader(system))


def _positives(bench: Bench) -> list[System]:
    positives = [bench.positive(system) for system in bench.plan.systems]
    return list({positive.name: positive for positive in positives}.values())


def compared(bench: Bench, positive: System) -> list[System]:
    """The systems that are compared with a positive control; those of one checkpoint stand together."""
    return [
        system
        for system in bench.plan.systems
        if bench.positive(system).name == positive.name and system.name != positive.name
    ]


def take_drift(bench: Bench) -> Summary:
    """The later model behind the gists that every gist system stored. No row without a later model."""
    if bench.later is None:
        return Summary(())
    reader = next(system for system in bench.later.systems if system.name in bench.later.evaluated)
    later = bench.later.identities[reader.name].prefix()

    def pieces(system: System, split: str, examples: Sequence[Example]) -> Iterator[Unit]:
        yield Unit(
            *("drift", 1, system, reader, split, SETTINGS),
            (bench.identity(system), later),
            examples,
            partial(_drift, bench, system, reader, examples),
        )

    observed = bench.observed(bench.compressed(), pieces)
    return Summary(drift_rows(observed).rows, stored_gists_verdicts(observed.groups()))


def _drift(
    bench: Bench, system: System, later: System, examples: Sequence[Example]
) -> Iterator[list[Found]]:
    reader, writer = bench.reader(later), bench.reader(system)
    stored = reading_stored(reader, writer)
    full = FullPrompt(reader, examples, bench.plan.decoding.max_new_tokens, writer.model.tokens.k)
    yield from drift(full, stored)


def take_work(bench: Bench) -> Summary:
    """The slots that answers attend to, in every system."""

    def pieces(system: System, split: str, examples: Sequence[Example]) -> Iterator[Unit]:
        yield Unit(
            *("work", 1, system, None, split, (REFERENCE,)),
            (bench.identity(system),),
            examples,
            partial(bench.reading, system, work, examples),
        )

    return summarise_work(bench.observed(bench.plan.systems, pieces), bench.plan.references)


def take_training(bench: Bench) -> Summary:
    """The losses that the checkpoints of compressed systems were trained with."""
    trainings = []
    for system in bench.compressed():
        positive, negative = bench.positive(system), bench.negative(system)
        of_positive, of_negative = (
            _losses(control) if control.control == "trained" else () for control in (positive, negative)
        )
        recipe = _recipe(system)
        trainings.append(
            Training(
                system.name,
                _losses(system),
                positive.name,
                of_positive,
                of_negative,
                tuple(map(tuple, system.checkpoint.record.training.get("gists", []))),
                _all_but_seed(recipe),
                recipe.get("seed"),
                _recipe(positive).get("seed"),
            )
        )
    return summarise_training(trainings)


def _recipe(system: System) -> Mapping[str, Any]:
    found: Mapping[str, Any] = system.checkpoint.record.training.get("recipe", {})
    return found


def _all_but_seed(recipe: Mapping[str, Any]) -> str:
    """The digest of a recipe without its seed, and the name that tells its suite from others."""
    kept = {name: value for name, value in recipe.items() if name not in ("seed", "family")}
    return digest([json.dumps(kept, sort_keys=True)]) if kept else ""


def _losses(system: System) -> tuple[tuple[float, float], ...]:
    logged = system.checkpoint.record.training.get("loss", [])
    return tuple((float(step), float(loss)) for step, loss in logged)


def take_choice(bench: Bench) -> Summary:
    """The losses of gist systems that differ in k alone, from what divergence found."""
    found = _observed_divergence(bench).systems
    families: dict[str, dict[int, list[Observation]]] = {}
    for system in bench.compressed():
        if system.method().needs_gists and system.budget is None:
            own = [item for item in found[system.name] if item.setting == REFERENCE]
            families.setdefault(system.checkpoint.record.family, {})[system.k] = own
    return summarise_choice(families)


TAKES: Mapping[str, Take] = {
    "divergence": take_divergence,
    "states": take_states,
    "leakage": take_leakage,
    "reconstruction": take_reconstruction,
    "strictness": take_strictness,
    "drift": take_drift,
    "work": take_work,
    "training": take_training,
    "choice": take_choice,
}
"""By the name of the measure."""
