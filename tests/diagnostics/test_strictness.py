"""The strictest mask equals the cached path; a mask that is open everywhere equals the full prompt."""

from __future__ import annotations

import pytest
from random_models import random_examples, random_model

from gisteval.compressors.gist.gist import Gist
from gisteval.diagnostics.leakage import OWN, leakage, own_prompts
from gisteval.diagnostics.reading import PromptReader
from gisteval.diagnostics.strictness import (
    EVERYTHING,
    STRICT,
    References,
    Strictness,
    _parts,
    strictness_settings,
)
from gisteval.masks import MaskRule
from gisteval.records.budget import Budget

EXAMPLES = random_examples(count=6)
OWN_ALONE = {OWN: own_prompts(EXAMPLES)}


def losses(reader: PromptReader, setting: Strictness) -> dict[str, float]:
    return {
        i.example.id: i.values["nll"]
        for batch in References(reader, EXAMPLES).under(setting)
        for i in batch
    }


def cached(reader: PromptReader) -> dict[str, float]:
    return {i.example.id: i.values["nll"] for batch in leakage(reader, EXAMPLES, OWN_ALONE) for i in batch}


@pytest.mark.parametrize("family", ["llama", "t5"])
def test_the_strictest_mask_is_the_cached_path(family: str) -> None:
    reader = PromptReader("gist", random_model(family, k=2), Gist())
    strict = strictness_settings(reader.model)[0]
    assert strict.name == STRICT
    assert losses(reader, strict) == pytest.approx(cached(reader), abs=1e-4)


def test_a_leak_is_the_cached_path_with_more_slots() -> None:
    model = random_model("llama", k=2)
    settings = {setting.name: setting for setting in strictness_settings(model)}
    leaking = PromptReader("gist", model, Gist(), Budget(slots=2 + 4))
    assert losses(leaking, settings["leak 4"]) == pytest.approx(cached(leaking), abs=1e-4)


def test_open_in_all_layers_is_open() -> None:
    reader = PromptReader("gist", random_model("llama", k=1), Gist())
    everywhere = losses(reader, Strictness("", MaskRule("gist", layers=frozenset())))
    assert everywhere == pytest.approx(losses(reader, Strictness("", MaskRule("pos_control"))), abs=1e-5)
    assert everywhere != pytest.approx(cached(reader), abs=1e-2)
    settings = {setting.name: setting for setting in strictness_settings(reader.model)}
    strict_in_the_first = Strictness("", MaskRule("gist", layers=frozenset({0})))
    assert losses(reader, settings["open in layers 2-3"]) == pytest.approx(
        losses(reader, strict_in_the_first), abs=1e-5
    )


def test_the_two_attentions_of_an_encoder_decoder_are_apart() -> None:
    reader = PromptReader("gist", random_model("t5", k=1), Gist())
    by_name = {s.name: losses(reader, s) for s in strictness_settings(reader.model)}
    both = losses(reader, Strictness("", MaskRule("gist", EVERYTHING)))
    assert by_name["open to both"] == pytest.approx(both)
    for one in ("open to the encoder", "open to the decoder"):
        assert by_name[one] != pytest.approx(by_name[STRICT], abs=1e-3)
        assert by_name[one] != pytest.approx(both, abs=1e-3)


def test_the_layers_and_heads_of_an_encoder_decoder_are_settings_of_each_attention() -> None:
    reader = PromptReader("gist", random_model("t5", k=1), Gist())
    settings = {setting.name: setting for setting in strictness_settings(reader.model)}
    assert len(settings) == len(strictness_settings(reader.model))
    for part in ("encoder layer 3", "decoder layer 2", "encoder head 4", "decoder heads 1-2"):
        assert f"open in {part}" in settings
    assert {"strict in encoder layer 1 only", "hidden in decoder layer 1"} <= set(settings)
    assert "open in decoder layer 3" not in settings  # it has two
    strict = losses(reader, settings[STRICT])
    for name in ("hidden in encoder layer 1", "hidden in decoder layer 2", "open in decoder head 1"):
        assert losses(reader, settings[name]) != pytest.approx(strict, abs=1e-3)


@pytest.mark.parametrize(("what", "layers"), [("encoder", 3), ("decoder", 2)])
def test_open_in_all_layers_of_an_attention_is_open_to_it(what: str, layers: int) -> None:
    reader = PromptReader("gist", random_model("t5", k=1), Gist())
    settings = {setting.name: setting for setting in strictness_settings(reader.model)}
    everywhere = MaskRule("gist", EVERYTHING, layers=frozenset(range(layers)), elsewhere="gist")
    rules = (everywhere, MaskRule("gist")) if what == "encoder" else (MaskRule("gist"), everywhere)
    opened = losses(reader, settings[f"open to the {what}"])
    assert losses(reader, Strictness("", *rules)) == pytest.approx(opened, abs=1e-5)


@pytest.mark.parametrize(("count", "groups"), [(4, 4), (3, 4), (32, 4), (30, 4), (1, 2)])
def test_groups_hold_each_layer_once(count: int, groups: int) -> None:
    parts = _parts(count, groups)
    assert [number for part in parts for number in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_single_layers_and_heads_and_their_halves_are_settings() -> None:
    names = [setting.name for setting in strictness_settings(random_model("llama", k=1, layers=4))]
    assert len(names) == len(set(names)) >= 12
    for part in ("layer 1", "layer 4", "layers 1-2", "layers 3-4", "head 1", "head 4", "heads 1-2"):
        assert f"open in {part}" in names
    assert {"strict in layer 3 only", "hidden in layer 3", "hidden in layers 3-4"} <= set(names)


def test_gists_hidden_in_all_layers_are_the_negative_control() -> None:
    reader = PromptReader("gist", random_model("llama", k=2), Gist())
    everywhere = Strictness("", MaskRule("neg_control", layers=frozenset(range(3)), elsewhere="gist"))
    nowhere = Strictness("", MaskRule("neg_control", layers=frozenset(), elsewhere="gist"))
    assert losses(reader, everywhere) == pytest.approx(
        losses(reader, Strictness("", MaskRule("neg_control"))), abs=1e-5
    )
    assert losses(reader, nowhere) == pytest.approx(cached(reader), abs=1e-4)
