"""Shuffled gists are found on a real checkpoint, whose own gists pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from observations import observation_of

from gisteval.compressors.empty import Empty
from gisteval.compressors.gist.gist import Gist
from gisteval.content import find_content
from gisteval.diagnostics.leakage import OTHER, OWN, PARAPHRASE, leakage, own_prompts, partners
from gisteval.diagnostics.reading import PromptReader
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_placed
from gisteval.models.checkpoints.placement import choose_placement
from gisteval.records.diagnosis import Observation
from gisteval.scores.diagnosed.leakage import summarise_leakage
from gisteval.scores.diagnosed.rows import Observed
from gisteval.tasks import load_task

TASK = load_task("wordplay")
EXAMPLES = tuple(TASK.examples("human"))[:60]
BEHIND = {
    OWN: own_prompts(EXAMPLES),
    OTHER: partners([example.instruction for example in EXAMPLES]),
    PARAPHRASE: TASK.paraphrases("human"),
}


class Shuffled(Gist):
    """Each instruction is given the gist of the next one."""

    def compress(self, model: Any, instructions: Sequence[str], budget: Any) -> list[Any]:
        prompts = super().compress(model, instructions, budget)
        return [*prompts[1:], prompts[0]]


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    placement = choose_placement("cpu", "auto", None, None)
    folder = find_content("checkpoints") / "wordplay-llama"
    return {
        name: load_placed(inspect_checkpoint(folder / name), placement)
        for name in ("gist-1", "neg_control")
    }


def observed(reader: PromptReader, settings: tuple[str, ...]) -> list[Observation]:
    return [
        observation_of(item, "leakage", reader.name)
        for batch in leakage(reader, EXAMPLES, {name: BEHIND[name] for name in settings})
        for item in batch
    ]


def test_shuffled_gists_are_found_and_healthy_ones_are_not(models: dict[str, Any]) -> None:
    control = observed(PromptReader("neg", models["neg_control"], Empty()), (OWN,))
    states = {}
    for compressor in (Gist(), Shuffled()):
        ours = observed(PromptReader("gist", models["gist-1"], compressor), (OWN, OTHER))
        both = Observed({"gist": ours, "neg": control}, {"gist": "neg", "neg": "neg"})
        (finding,) = summarise_leakage(both, {}).findings
        states[type(compressor).__name__] = finding.state
    assert states == {"Gist": "ok", "Shuffled": "fault"}


def test_the_gist_of_a_paraphrase_serves(models: dict[str, Any]) -> None:
    """Its words are others, and its answers are as likely as behind the instruction itself, or more."""
    ours = observed(PromptReader("gist", models["gist-1"], Gist()), tuple(BEHIND))
    means = {
        setting: sum(o.values["nll"] for o in ours if o.setting == setting) / len(EXAMPLES)
        for setting in BEHIND
    }
    assert means[PARAPHRASE] < means[OWN] + 0.1 < means[OTHER] - 1.0
    states = [item.state for item in summarise_leakage(Observed({"gist": ours}, {}), {}).findings]
    assert states == ["ok", "ok"]


@settings(max_examples=30)
@given(st.lists(st.text(max_size=2), min_size=2, max_size=6, unique=True))
def test_everyone_has_another_partner(texts: list[str]) -> None:
    found = partners(texts)
    assert set(found) == set(found.values()) == set(texts)
    assert all(own != other for own, other in found.items())
