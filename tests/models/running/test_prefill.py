"""Prompts that run without a mask, behind others, or with gists in their middle."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from family_check import LARGEST, family_tokens, gap, rows, target_losses
from tiny_families import Family, tiny_model

from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError
from gisteval.masks import GIST, PROMPT, MaskRule, additive
from gisteval.models.running import decoder, prefill
from gisteval.models.running.compressed import Accounting, Nothing, join
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.observe import LayerView
from gisteval.records.budget import Budget

PROMPTS, INPUTS, TARGETS = (33, 50, 33, 9), (5, 11, 2, 20), (6, 4, 9, 3)
FAMILIES = ["llama", "qwen2", "gpt2", "gpt_neox", "mistral"]

TEXTS = ["tidy acorn, quick bell, red door; " * 2, "one two three four five"]

FIXTURES = Path(__file__).parents[2] / "fixtures"

families = pytest.mark.parametrize("name", FAMILIES)


def model_of(name: str, **settings: Any) -> DecoderModel:
    if name == "mistral":
        settings = {"sliding_window": 200, **settings}
    return DecoderModel(tiny_model(Family(name, name, settings)), family_tokens())


def last_five(view: LayerView) -> list[torch.Tensor]:
    heads = view.keys.shape[1]
    return [torch.arange(max(0, len(p) - 5), len(p)).expand(heads, -1) for p in view.prompts]


@families
def test_long_prompts_without_a_mask_give_what_the_mask_gives(name: str, monkeypatch) -> None:
    """Rows of mixed lengths: two that are equally long, one alone, one too short to be run unmasked."""
    model = model_of(name)
    prompts, inputs, targets = rows(PROMPTS, 1), rows(INPUTS, 2), rows(TARGETS, 3)
    masked = model.encode(prompts)
    given: list[Any] = []
    hook = model.body.register_forward_pre_hook(
        lambda module, args, kwargs: given.append(kwargs["attention_mask"]), with_kwargs=True
    )
    monkeypatch.setattr(decoder, "UNMASKED_FROM", 20)
    unmasked = model.encode(prompts)
    hook.remove()
    assert [mask is None for mask in given] == [False, True, True]
    for one, other in zip(unmasked, masked, strict=True):
        assert one.accounting == other.accounting and one.next_position == other.next_position
        for states, expected in zip(one.layers, other.layers, strict=True):
            assert gap(states[0], expected[0]) <= 1e-5 and gap(states[1], expected[1]) <= 1e-5
    selected = model.encode(prompts, select=last_five)
    for one, other in zip(selected, model.encode(prompts, 5), strict=True):
        assert all(torch.equal(a[0], b[0]) for a, b in zip(one.layers, other.layers, strict=True))
    losses = model.run(unmasked, inputs).nll(targets)
    expected = model.run(masked, inputs).nll(targets)
    assert max(gap(one, other) for one, other in zip(losses, expected, strict=True)) <= 1e-5


def test_where_a_mask_is_needed_it_stays(monkeypatch) -> None:
    """A window that hides something, and eager attention, which knows no causality of its own."""
    monkeypatch.setattr(decoder, "UNMASKED_FROM", 20)
    windowed = model_of("mistral", sliding_window=16)
    assert not windowed.runs_unmasked(33) and model_of("mistral", sliding_window=64).runs_unmasked(33)
    eager = model_of("llama")
    eager.model.set_attn_implementation("eager")
    assert not eager.runs_unmasked(33)
    assert not model_of("bloom").runs_unmasked(33)


def test_the_demo_models_run_with_a_mask_as_they_always_did() -> None:
    assert decoder.UNMASKED_FROM == 1024
    assert not model_of("llama").runs_unmasked(1024) and model_of("llama").runs_unmasked(1025)


CHUNKED = {
    "mistral": {"sliding_window": 16},
    "gemma3_text": {},
    "gemma2": {"attn_implementation": "eager"},
    "llama4_text": {},
    "gpt_neo": {},
    "gpt2": {"attn_implementation": "eager"},
    "bloom": {},
    "falcon": {"alibi": True},
}


@pytest.mark.parametrize("name", CHUNKED)
def test_prompts_in_chunks_are_what_one_pass_makes_of_them(name: str, monkeypatch) -> None:
    """Windows end within, at and beyond a chunk; the shortest row begins in a later chunk than others."""
    settings = dict(CHUNKED[name])
    attention = settings.pop("attn_implementation", None)
    model = model_of(name, **settings)
    if attention is not None:
        model.model.set_attn_implementation(attention)
    prompts, inputs, targets = rows((33, 70, 9), 1), rows((5, 11, 2), 2), rows((6, 4, 9), 3)
    whole = model.encode(prompts)
    sizes: list[int] = []
    hook = model.body.register_forward_pre_hook(
        lambda module, args, kwargs: sizes.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    monkeypatch.setattr(prefill, "CHUNK", 20)
    chunked = model.encode(prompts)
    hook.remove()
    assert sizes == [20, 20, 20, 10]
    for one, other in zip(chunked, whole, strict=True):
        assert one.accounting == other.accounting and one.next_position == other.next_position
        for states, expected in zip(one.layers, other.layers, strict=True):
            assert gap(states[0], expected[0]) <= 1e-5 and gap(states[1], expected[1]) <= 1e-5
    losses, expected = (model.run(found, inputs).nll(targets) for found in (chunked, whole))
    assert max(gap(one, other) for one, other in zip(losses, expected, strict=True)) <= 1e-5
    masked = model.predictions(prompts, inputs, targets, MaskRule("pos_control"))
    for loss, logits, target in zip(losses, masked, targets, strict=True):
        assert gap(target_losses(logits, target), loss) <= LARGEST


@pytest.mark.parametrize("name", ["mistral", "gemma3_text", "gemma2", "gpt2"])
def test_evictors_see_chunks_as_one_pass(name: str, monkeypatch) -> None:
    """All queries, keys and rotations; attention by the last queries keeps the same slots."""
    model = model_of(name, **({"sliding_window": 16} if name == "mistral" else {}))
    prompts = rows((33, 70, 9), 1)

    def seen() -> list[LayerView]:
        views: list[LayerView] = []
        model.observe(prompts, views.append)
        return views

    wanted = [build_compressor("snapkv"), build_compressor("keydiff")]
    whole, kept = seen(), [method.compress(model, TEXTS, Budget(share=0.3)) for method in wanted]
    monkeypatch.setattr(prefill, "CHUNK", 20)
    for view, expected in zip(seen(), whole, strict=True):
        assert view.layer == expected.layer and torch.equal(view.positions, expected.positions)
        real = view.real[:, None, :, None]
        for states in ("queries", "keys", "values"):
            assert gap(getattr(view, states) * real, getattr(expected, states) * real) <= 1e-5
        assert gap(view.unrotated_keys() * real, expected.unrotated_keys() * real) <= 1e-5
    for method, expected_slots in zip(wanted, kept, strict=True):
        for one, other in zip(
            method.compress(model, TEXTS, Budget(share=0.3)), expected_slots, strict=True
        ):
            assert all(torch.equal(a, b) for a, b in zip(one.kept, other.kept, strict=True))


MEASURE = """
import resource, torch
from family_check import family_tokens
from tiny_families import Family, tiny_model
from gisteval.models.running.decoder import DecoderModel

settings = {"num_hidden_layers": 1, "max_position_embeddings": 10000}
model = DecoderModel(tiny_model(Family("llama", "llama", settings)), family_tokens())
ids = torch.randint(10, 250, (6144,)).tolist()
model.encode([ids[:1025]])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.encode([ids])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_of_a_long_prompt_does_not_grow_with_the_square_of_its_length() -> None:
    """The mask alone of 6,144 tokens would take 180 MiB. In a process of its own, whose peak it is."""
    paths = os.pathsep.join([str(FIXTURES), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) / 1024 <= 60


@families
@pytest.mark.parametrize("chunk", [1024, 10])
def test_a_prompt_behind_another_one_is_the_rest_of_one_prompt(name: str, chunk: int, monkeypatch) -> None:
    model = model_of(name)
    prompts, inputs, targets = rows(PROMPTS, 1), rows(INPUTS, 2), rows(TARGETS, 3)
    heads, tails = [p[: len(p) // 3] for p in prompts], [p[len(p) // 3 :] for p in prompts]
    whole = model.encode(prompts)
    monkeypatch.setattr(prefill, "CHUNK", chunk)
    first = model.encode(heads)
    second = model.encode(tails, behind=first)
    joined = [join(pair) for pair in zip(first, second, strict=True)]
    for one, other in zip(joined, whole, strict=True):
        assert one.next_position == other.next_position and one.slots == other.slots
        assert one.kept is not None
        assert one.kept[0].tolist() == [list(range(one.slots))] * one.kept[0].shape[0]
        for states, expected in zip(one.layers, other.layers, strict=True):
            assert gap(states[0], expected[0]) <= 1e-5 and gap(states[1], expected[1]) <= 1e-5
    losses, expected = (model.run(found, inputs).nll(targets) for found in (joined, whole))
    assert max(gap(one, other) for one, other in zip(losses, expected, strict=True)) <= 1e-5


@pytest.mark.parametrize("window", [200, 16])
def test_gists_of_segments_are_one_mask(window: int) -> None:
    """Each segment runs behind the gists of those before it: causal & (same segment | gist)."""
    model = model_of("mistral", sliding_window=window)
    gists = model.tokens.gists
    lengths = ((5, 17, 9), (12, 3, 20))
    segments = [[part + gists for part in rows(of_row, 7 + n)] for n, of_row in enumerate(lengths)]
    inputs, targets = rows((6, 4), 2), rows((5, 7), 3)
    done = None
    for step in range(3):
        found = model.encode([row[step] for row in segments], len(gists), behind=done)
        done = found if done is None else [join(pair) for pair in zip(done, found, strict=True)]
    assert done is not None
    assert [prefix.slots for prefix in done] == [3 * len(gists)] * 2
    losses = model.run(done, inputs).nll(targets)
    for row, parts in enumerate(segments):
        prompt = [token for part in parts for token in part]
        ids = torch.tensor([[*prompt, *inputs[row], *targets[row]]])
        number = [n for n, part in enumerate(parts) for _ in part]
        segment = torch.tensor([*number, *[3] * (ids.shape[1] - len(prompt))])
        is_gist = torch.zeros(ids.shape[1], dtype=torch.bool)
        is_gist[: len(prompt)] = torch.tensor([token == gists[0] for token in prompt])
        allowed = (segment[:, None] == segment[None]) | is_gist[None]
        mask = torch.ones_like(allowed).tril() & allowed
        place = torch.arange(ids.shape[1])
        mask &= place[:, None] - place[None] < window
        with torch.no_grad():
            logits = model.model(
                input_ids=ids, attention_mask=additive(mask, torch.float32)[None, None]
            ).logits[0, len(prompt) + len(inputs[row]) - 1 :]
        assert gap(target_losses(logits, targets[row]), losses[row]) <= LARGEST


@families
def test_gists_in_the_middle_of_a_prompt_are_gists_by_their_position(name: str, monkeypatch) -> None:
    model = model_of(name)
    gist = model.tokens.gists[0]
    prompts, inputs, targets = rows(PROMPTS, 1), rows(INPUTS, 2), rows(TARGETS, 3)
    prompts = [[*p[:4], gist, *p[4:7], gist, *p[7:]] for p in prompts]
    monkeypatch.setattr(
        DecoderModel,
        "prompt_roles",
        lambda self, prompt: [GIST if token == gist else PROMPT for token in prompt],
    )

    def select(view: LayerView) -> list[torch.Tensor]:
        return [torch.tensor([4, 8]).expand(view.keys.shape[1], -1) for _ in view.prompts]

    prefixes = model.encode(prompts, select=select)
    assert [p.accounting.source_tokens for p in prefixes] == list(PROMPTS)
    losses = model.run(prefixes, inputs).nll(targets)
    masked = model.predictions(prompts, inputs, targets, MaskRule("gist"))
    for loss, logits, target in zip(losses, masked, targets, strict=True):
        assert gap(target_losses(logits, target), loss) <= LARGEST


def test_selection_and_segments_go_together(monkeypatch) -> None:
    """A prompt behind another one keeps some of its own slots, at its own positions."""
    model = model_of("llama")
    heads, tails = rows((9, 20), 1), rows((14, 6), 4)
    inputs, targets = rows((6, 4), 2), rows((5, 7), 3)
    first = model.encode(heads, select=last_five)
    second = model.encode(tails, select=last_five, behind=first)
    assert second[0].kept is not None
    assert second[0].kept[0].tolist() == [list(range(9 + 14 - 5, 9 + 14))] * 2
    assert second[0].accounting.kept == 5 and second[0].next_position == 23
    joined = [join(pair) for pair in zip(first, second, strict=True)]
    assert [p.accounting.source_tokens for p in joined] == [23, 26]
    wrong = [replace(p, next_position=p.next_position - 9) for p in joined]
    right, other = (model.run(found, inputs).nll(targets) for found in (joined, wrong))
    assert gap(right[0], other[0]) > LARGEST


def test_a_prompt_behind_another_one_must_fit_as_well() -> None:
    model = model_of("llama")
    far = [Nothing(model.context - 3, Accounting(0, 0, 0, 0))]
    with pytest.raises(GistevalError, match="exceeds the context of 128"):
        model.encode([[5] * 4], behind=far)
    model.encode([[5] * 3], behind=far)


def test_linear_biases_take_no_slots_from_the_middle() -> None:
    model = model_of("bloom")
    first = model.encode(rows((9,), 1))
    second = model.encode(rows((7,), 4), 2, behind=first)
    with pytest.raises(GistevalError, match="linear biases count columns"):
        model.run([join([first[0], second[0]])], rows((4,), 2))
    with pytest.raises(GistevalError, match="linear biases takes no mask that differs between heads"):
        model.predictions(rows((9,), 1), rows((4,), 2), rows((4,), 3), [(torch.zeros(4, 1).long(),) * 2])
