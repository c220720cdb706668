"""Collapsed gists, dead layers and leaked slots are found; gists that differ are not flagged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from observations import observation_of
from random_models import random_examples, random_model

from gisteval.compressors.gist.gist import Gist
from gisteval.content import find_content
from gisteval.diagnostics.reading import PromptReader
from gisteval.diagnostics.states import effect_distances, gist_states, probe_inputs
from gisteval.masks import MaskRule
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_placed
from gisteval.models.checkpoints.placement import choose_placement
from gisteval.records.diagnosis import Diagnosed
from gisteval.records.schema import Example
from gisteval.scores.diagnosed.rows import Observed
from gisteval.scores.diagnosed.states import summarise_states
from gisteval.tasks import load_task

EXAMPLES = random_examples(count=14)
Change = Callable[[list[Any]], list[Any]]


class Faulty(Gist):
    """Gists of which something is changed after they were made."""

    change: Change

    def compress(self, model: Any, instructions: Sequence[str], budget: Any) -> list[Any]:
        return type(self).change(super().compress(model, instructions, budget))


def planted(change: Change) -> Gist:
    return type("Planted", (Faulty,), {"change": staticmethod(change)})()


def findings(family: str, compressor: Gist) -> list[Diagnosed]:
    return found_of(PromptReader("gist", random_model(family, k=2), compressor), EXAMPLES)


def found_of(reader: PromptReader, examples: Sequence[Example]) -> list[Diagnosed]:
    found = [item for batch in gist_states(reader, examples) for item in batch]
    made = summarise_states(
        Observed({"gist": [observation_of(item, "states", "gist") for item in found]}, {})
    ).findings
    return [finding for finding in made if not finding.text.startswith("nearest")]


def like_the_first(prompts: list[Any], layers: slice = slice(None)) -> list[Any]:
    """The states of all prompts become those of the first, in some layers."""
    numbers = range(len(prompts[0].layers))[layers]
    return [
        replace(
            prompt,
            layers=tuple(
                prompts[0].layers[number] if number in numbers else own
                for number, own in enumerate(prompt.layers)
            ),
        )
        for prompt in prompts
    ]


@pytest.mark.parametrize("family", ["llama", "t5"])
def test_gists_that_differ_are_not_flagged(family: str) -> None:
    assert [item.state for item in findings(family, Gist())] == ["ok"]


@pytest.mark.parametrize("suite", ["wordplay-llama", "wordplay-t5"])
def test_a_demo_checkpoint_is_healthy_until_a_fault_is_planted(suite: str) -> None:
    checkpoint = inspect_checkpoint(find_content("checkpoints") / suite / "gist-5")
    model = load_placed(checkpoint, choose_placement("cpu", "auto", None, None))
    examples = tuple(load_task("wordplay").examples("human"))[:40]
    changes: dict[str, Change] = {
        "none": lambda prompts: prompts,
        "collapsed": like_the_first,
        "dead": lambda prompts: like_the_first(prompts, slice(2, 3)),
    }
    for name, change in changes.items():
        (found,) = found_of(PromptReader("gist", model, planted(change)), examples)
        assert found.state == ("ok" if name == "none" else "fault")
        assert name == "none" or found.text.startswith(name)


@pytest.mark.parametrize("family", ["llama", "t5"])
def test_a_collapse_is_found(family: str) -> None:
    (found,) = findings(family, planted(like_the_first))
    assert (found.state, found.text[:9]) == ("fault", "collapsed")


def test_a_dead_layer_is_found_and_named() -> None:
    (found,) = findings("llama", planted(lambda prompts: like_the_first(prompts, slice(1, 2))))
    assert found.state == "fault"
    assert "in layer 2 " in found.text


def test_two_equal_gists_are_named() -> None:
    def change(prompts: list[Any]) -> list[Any]:
        return [prompts[1], *prompts[1:]]

    (found,) = findings("llama", planted(change))
    assert found.state == "warning"
    assert "degenerate" in found.text


def test_a_leak_of_one_token_is_found() -> None:
    class Leaking(Gist):
        def compress(self, model: Any, instructions: Sequence[str], budget: Any) -> list[Any]:
            return list(model.encode(self.prompts(model, instructions), model.tokens.k + 1))

    found = findings("llama", Leaking())
    assert found[0].state == "fault"
    assert "keeps 3 slots of an instruction, but was trained to keep 2" in found[0].text


def test_the_nearest_by_cosine_is_the_one_with_the_same_gist() -> None:
    """And behind equal gists every input begins its answer alike."""
    twins = planted(lambda prompts: [prompts[1], *prompts[1:]])
    reader = PromptReader("gist", random_model("llama", k=2), twins)
    (found,) = gist_states(reader, EXAMPLES)
    first, second = found[:2]
    assert first.texts == dict.fromkeys(("cosine", "effect"), second.example.instruction)
    assert first.values["cosine"] == pytest.approx(1.0)
    assert first.values["distance"] == pytest.approx(0.0, abs=1e-9)
    assert first.values["effect"] == pytest.approx(0.0, abs=1e-6)
    assert all(item.values["effect"] > 1e-3 for item in found[2:])


@pytest.mark.parametrize("family", ["llama", "t5"])
def test_effects_are_divergences_of_what_a_stock_pass_predicts(family: str) -> None:
    reader = PromptReader("gist", random_model(family, k=2), Gist())
    model, texts = reader.model, [example.instruction for example in EXAMPLES[:4]]
    compressed = reader.compress(texts)
    probes = probe_inputs(reader, EXAMPLES)
    assert len(probes) == 4 and len({tuple(probe) for probe in probes}) == 4
    measured = effect_distances(reader, [compressed[text] for text in texts], probes)
    prompts = reader.compressor.prompts(model, texts)
    expected = torch.zeros(4, 4, dtype=torch.float64)
    for probe in probes:
        read = model.predictions(prompts, [probe] * 4, [[]] * 4, MaskRule("gist"))
        logs = [logits[0].double().log_softmax(-1) for logits in read]
        for one in range(4):
            for other in range(4):
                difference = logs[one] - logs[other]
                both = (logs[one].exp() * difference).sum() - (logs[other].exp() * difference).sum()
                expected[one, other] += both / (2 * len(probes))
    assert torch.allclose(measured.clone().fill_diagonal_(0.0), expected, atol=2e-4)
