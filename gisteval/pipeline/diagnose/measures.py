"""How each measure is taken over the systems of a plan, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from gisteval.diagnostics.divergence import FullPrompt, divergence
from gisteval.diagnostics.reading import SETTINGS, Found
from gisteval.pipeline.diagnose.bench import Bench, Unit
from gisteval.records.diagnosis import Observation
from gisteval.records.schema import Example
from gisteval.scores.diagnosed.divergence import summarise as summarise_divergence
from gisteval.scores.diagnosed.rows import Observed, Summary
from gisteval.suite import System

Take = Callable[[Bench], Summary]
"""Takes a measure over all systems and splits of a plan."""


def take_divergence(bench: Bench) -> Summary:
    """Every system beside its positive control."""
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
    return summarise_divergence(Observed(found, bench.plan.negatives))


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
            self._made = FullPrompt(reader, self._examples, limit)
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


def instructions(examples: tuple[Example, ...]) -> list[Example]:
    """The first example of each instruction."""
    return list({example.instruction: example for example in reversed(examples)}.values())[::-1]


TAKES: Mapping[str, Take] = {"divergence": take_divergence}
"""By the name of the measure."""
