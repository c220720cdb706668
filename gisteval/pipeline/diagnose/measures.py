"""How each measure is taken over the systems of a plan, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from gisteval.diagnostics.divergence import FullPrompt, divergence
from gisteval.diagnostics.drift import drift, reading_stored
from gisteval.diagnostics.leakage import OTHER, OWN, leakage
from gisteval.diagnostics.reading import SETTINGS, Found
from gisteval.diagnostics.states import FEWEST, SETTING, gist_states
from gisteval.diagnostics.strictness import Strictness, strictness, strictness_settings
from gisteval.diagnostics.work import SETTING as REFERENCE
from gisteval.diagnostics.work import work
from gisteval.gate.stored_gists import stored_gists_verdicts
from gisteval.pipeline.diagnose.bench import Bench, Unit
from gisteval.records.diagnosis import Observation
from gisteval.records.schema import Example, digest
from gisteval.scores.diagnosed.choice import summarise_choice
from gisteval.scores.diagnosed.divergence import summarise as summarise_divergence
from gisteval.scores.diagnosed.drift import drift_rows
from gisteval.scores.diagnosed.rows import Observed, Summary
from gisteval.scores.diagnosed.states import summarise_leakage, summarise_states
from gisteval.scores.diagnosed.strictness import summarise_strictness
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


def instructions(examples: Sequence[Example]) -> list[Example]:
    """The first example of each instruction."""
    first: dict[str, Example] = {}
    for example in examples:
        first.setdefault(example.instruction, example)
    return list(first.values())


def take_states(bench: Bench) -> Summary:
    """What the gists of every gist system hold."""
    found: dict[str, list[Observation]] = {}
    for split, examples in bench.plan.examples.items():
        asked = instructions(examples)
        for system in _compressed(bench):
            if not system.method().needs_gists or len(asked) < FEWEST:
                continue
            unit = Unit(
                *("states", 1, system, None, split, (SETTING,)),
                (bench.identity(system), digest([e.content_id for e in asked])),
                asked,
                partial(_gist_states, bench, system, asked),
            )
            found.setdefault(system.name, []).extend(bench.observe(unit))
    return summarise_states(Observed(found, bench.plan.negatives))


def _gist_states(bench: Bench, system: System, examples: Sequence[Example]) -> Iterator[list[Found]]:
    yield from gist_states(bench.reader(system), examples)


def take_leakage(bench: Bench) -> Summary:
    """Every compressed system behind the prompts of other instructions, and its negative control."""
    found: dict[str, list[Observation]] = {}
    for split, examples in bench.plan.examples.items():
        if len(instructions(examples)) < 2:
            continue
        contents = digest([example.content_id for example in examples])
        for system in bench.plan.systems:
            if system.role == "positive":
                continue
            settings = (OWN, OTHER) if system.role == "candidate" else (OWN,)
            unit = Unit(
                *("leakage", 1, system, None, split, settings),
                (bench.identity(system), contents),  # which decide the partners
                examples,
                partial(_leakage, bench, system, examples, settings),
            )
            found.setdefault(system.name, []).extend(bench.observe(unit))
    return summarise_leakage(Observed(found, bench.plan.negatives))


def _leakage(
    bench: Bench, system: System, examples: Sequence[Example], settings: Sequence[str]
) -> Iterator[list[Found]]:
    yield from leakage(bench.reader(system), examples, settings)


def take_strictness(bench: Bench) -> Summary:
    """The references under masks that are less and less strict, of every gist system."""
    found: dict[str, list[Observation]] = {}
    for split, examples in bench.plan.examples.items():
        for system in _compressed(bench):
            if not system.method().needs_gists:
                continue
            for setting in strictness_settings(bench.reader(system).model):
                unit = Unit(
                    *("strictness", 1, system, None, split, (setting.name,)),
                    (bench.identity(system),),
                    examples,
                    partial(_strictness, bench, system, examples, setting),
                )
                found.setdefault(system.name, []).extend(bench.observe(unit))
    return summarise_strictness(Observed(found, bench.plan.negatives))


def _strictness(
    bench: Bench, system: System, examples: Sequence[Example], setting: Strictness
) -> Iterator[list[Found]]:
    yield from strictness(bench.reader(system), examples, setting)


def take_drift(bench: Bench) -> Summary:
    """The later model behind the gists that every gist system stored. No row without a later model."""
    if bench.later is None:
        return Summary(())
    reader = next(system for system in bench.later.systems if system.name in bench.later.evaluated)
    found: dict[str, list[Observation]] = {}
    for split, examples in bench.plan.examples.items():
        for system in _compressed(bench):
            unit = Unit(
                *("drift", 1, system, reader, split, SETTINGS),
                (bench.identity(system), bench.later.identities[reader.name].prefix()),
                examples,
                partial(_drift, bench, system, reader, examples),
            )
            found.setdefault(system.name, []).extend(bench.observe(unit))
    observed = Observed(found, {})
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
    found: dict[str, list[Observation]] = {}
    for split, examples in bench.plan.examples.items():
        for system in bench.plan.systems:
            unit = Unit(
                *("work", 1, system, None, split, (REFERENCE,)),
                (bench.identity(system),),
                examples,
                partial(_work, bench, system, examples),
            )
            found.setdefault(system.name, []).extend(bench.observe(unit))
    return summarise_work(Observed(found, bench.plan.negatives), bench.plan.references)


def _work(bench: Bench, system: System, examples: Sequence[Example]) -> Iterator[list[Found]]:
    yield from work(bench.reader(system), examples)


def take_training(bench: Bench) -> Summary:
    """The losses that the checkpoints of compressed systems were trained with."""
    trainings = []
    for system in _compressed(bench):
        positive, negative = bench.positive(system), bench.negative(system)
        trainings.append(
            Training(
                system.name,
                _losses(system),
                positive.name,
                *(
                    _losses(control) if control.control == "trained" else ()
                    for control in (positive, negative)
                ),
            )
        )
    return summarise_training(trainings)


def _losses(system: System) -> tuple[tuple[float, float], ...]:
    logged = system.checkpoint.record.training.get("loss", [])
    return tuple((float(step), float(loss)) for step, loss in logged)


def take_choice(bench: Bench) -> Summary:
    """The losses of gist systems that differ in k alone, from what divergence found."""
    found = _observed_divergence(bench).systems
    families: dict[str, dict[int, list[Observation]]] = {}
    for system in _compressed(bench):
        if system.method().needs_gists and system.budget is None:
            own = [item for item in found[system.name] if item.setting == REFERENCE]
            families.setdefault(system.checkpoint.record.family, {})[system.k] = own
    return summarise_choice(families)


def _compressed(bench: Bench) -> list[System]:
    return [system for system in bench.plan.systems if system.role == "candidate"]


TAKES: Mapping[str, Take] = {
    "divergence": take_divergence,
    "states": take_states,
    "leakage": take_leakage,
    "strictness": take_strictness,
    "drift": take_drift,
    "work": take_work,
    "training": take_training,
    "choice": take_choice,
}
"""By the name of the measure."""
