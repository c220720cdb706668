"""How the measures of gists themselves are taken: states, leakage, reconstruction and strictness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from gisteval.diagnostics.leakage import OTHER, OWN, PARAPHRASE, leakage, own_prompts, partners
from gisteval.diagnostics.reconstruction import REQUEST, reconstruction
from gisteval.diagnostics.reconstruction import SETTING as REPEAT
from gisteval.diagnostics.states import FEWEST, SETTING, gist_states
from gisteval.diagnostics.strictness import References, strictness_settings
from gisteval.pipeline.diagnose.bench import Bench, Unit
from gisteval.records.choosing import INSTRUCTIONS, choose
from gisteval.records.schema import Example, digest
from gisteval.scores.diagnosed.leakage import summarise_leakage
from gisteval.scores.diagnosed.reconstruction import summarise_reconstruction
from gisteval.scores.diagnosed.rows import Summary
from gisteval.scores.diagnosed.states import summarise_states
from gisteval.scores.diagnosed.strictness import summarise_strictness
from gisteval.suite import System

MOST_READ = 128
"""Examples that are read under each mask, the same share of each instruction's: there are many masks."""

LONGEST = 1000
"""Characters of an instruction that a model is asked to repeat."""


def instructions(examples: Sequence[Example]) -> list[Example]:
    """The first example of each instruction."""
    first: dict[str, Example] = {}
    for example in examples:
        first.setdefault(example.instruction, example)
    return list(first.values())


def take_states(bench: Bench) -> Summary:
    """What the gists of every gist system hold."""

    def pieces(system: System, split: str, examples: Sequence[Example]) -> Iterator[Unit]:
        asked = instructions(examples)
        if len(asked) >= FEWEST:
            yield Unit(
                *("states", 2, system, None, split, (SETTING,)),
                (bench.identity(system), _contents(asked)),
                asked,
                partial(bench.reading, system, gist_states, asked),
            )

    return summarise_states(bench.observed(_gist_systems(bench), pieces))


def take_leakage(bench: Bench) -> Summary:
    """Every compressed system behind the prompts of others, and the controls that give the scale."""
    paraphrases = {split: bench.plan.task.paraphrases(split) for split in bench.plan.examples}

    def pieces(system: System, split: str, examples: Sequence[Example]) -> Iterator[Unit]:
        if len(instructions(examples)) < 2:
            return
        own, worded = own_prompts(examples), paraphrases[split]
        behind: dict[str, Mapping[str, str]] = {OWN: own}
        if system.role == "candidate":
            behind[OTHER] = partners(list(own))
        if system.role != "positive" or worded:
            yield _leakage_unit(bench, system, split, examples, behind)
        if system.role != "negative":
            known = [example for example in examples if example.instruction in worded]
            if known:
                yield _leakage_unit(bench, system, split, known, {PARAPHRASE: worded})

    return summarise_leakage(bench.observed(bench.plan.systems, pieces), bench.plan.references)


def _leakage_unit(
    bench: Bench,
    system: System,
    split: str,
    examples: Sequence[Example],
    behind: Mapping[str, Mapping[str, str]],
) -> Unit:
    read = digest([of[example.instruction] for of in behind.values() for example in examples])
    return Unit(
        *("leakage", 2, system, None, split, tuple(behind)),
        (bench.identity(system), read),
        examples,
        partial(bench.reading, system, leakage, examples, behind),
    )


def take_reconstruction(bench: Bench) -> Summary:
    """What every system writes where it is asked to repeat its prompt."""

    def pieces(system: System, split: str, examples: Sequence[Example]) -> Iterator[Unit]:
        asked = [one for one in instructions(examples) if len(one.instruction) <= LONGEST]
        if asked:
            yield Unit(
                *("reconstruction", 1, system, None, split, (REPEAT,)),
                (bench.identity(system), REQUEST),
                asked,
                partial(bench.reading, system, reconstruction, asked),
            )

    return summarise_reconstruction(bench.observed(bench.plan.systems, pieces), bench.plan.references)


def take_strictness(bench: Bench) -> Summary:
    """The references under masks that are less and less strict, of every gist system."""

    def pieces(system: System, split: str, everything: Sequence[Example]) -> Iterator[Unit]:
        examples = choose(everything, MOST_READ, INSTRUCTIONS, bench.plan.config.seed)
        reader = bench.reader(system)
        read = References(reader, examples)
        for setting in strictness_settings(reader.model):
            yield Unit(
                *("strictness", 1, system, None, split, (setting.name,)),
                (bench.identity(system),),
                examples,
                partial(read.under, setting),
            )

    return summarise_strictness(bench.observed(_gist_systems(bench), pieces))


def _gist_systems(bench: Bench) -> list[System]:
    return [system for system in bench.compressed() if system.method().needs_gists]


def _contents(examples: Sequence[Example]) -> str:
    return digest([example.content_id for example in examples])
