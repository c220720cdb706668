"""Layers of stock decoders seen while they run, and prompts of which each head keeps its own tokens."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
from family_check import LARGEST, family_tokens, gap, rows, target_losses
from tiny_families import Family, tiny_model

from gisteval.errors import GistevalError
from gisteval.models.running.compressed import Accounting, Nothing
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.layer_masks import decoder_layers
from gisteval.models.running.observe import LayerView, observed

PROMPTS, INPUTS, TARGETS = (3, 52, 30, 9), (5, 11, 2, 20), (6, 4, 9, 3)
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
}  # fmt: skip
WINDOW = {"sliding_window": 16}
FAMILIES = {
    "llama": Family("llama", "llama"),
    "llama with the rope of Llama 3": Family("llama3", "llama", {"rope_parameters": LLAMA3}),
    "mistral with windows": Family("mistral", "mistral", WINDOW),
    "qwen2": Family("qwen2", "qwen2"),
    "qwen3": Family("qwen3", "qwen3"),
    "phi3": Family("phi3", "phi3"),
    "gpt_neox": Family("gpt_neox", "gpt_neox"),
    "olmo2": Family("olmo2", "olmo2"),
    "gpt2": Family("gpt2", "gpt2"),
    "gemma2 with windows": Family("gemma2", "gemma2", WINDOW),
    "gemma3 with windows": Family("gemma3", "gemma3_text", WINDOW),
    "smollm3 with layers that don't rotate": Family("smollm3", "smollm3", {"num_hidden_layers": 4}),
}
ROTATING = [name for name in FAMILIES if name != "gpt2"]


def model_of(name: str, attention: str = "sdpa") -> DecoderModel:
    network: Any = tiny_model(FAMILIES[name])
    if network.config._attn_implementation == "sdpa":
        network.set_attn_implementation(attention)
    return DecoderModel(network, family_tokens())


def a_third(view: LayerView) -> list[torch.Tensor]:
    """A third of each prompt's tokens, others for each layer and head."""
    generator = torch.Generator().manual_seed(view.layer)
    heads = view.keys.shape[1]
    return [
        torch.stack(
            [
                torch.randperm(len(prompt), generator=generator)[: max(1, len(prompt) // 3)].sort().values
                for _ in range(heads)
            ]
        )
        for prompt in view.prompts
    ]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", list(FAMILIES))
def test_what_heads_keep_is_what_a_mask_a_layer_and_head_lets_them_see(name: str, attention: str) -> None:
    model = model_of(name, attention)
    prompts, inputs, targets = rows(PROMPTS, 1), rows(INPUTS, 2), rows(TARGETS, 3)
    prefixes = model.encode(prompts, select=a_third)
    kept = [prefix.kept for prefix in prefixes]
    losses = model.run(prefixes, inputs).nll(targets)
    whole = model.run(model.whole(prompts), inputs).nll(targets)
    for prefix, prompt in zip(prefixes, prompts, strict=True):
        assert prefix.slots == max(1, len(prompt) // 3) == prefix.accounting.kept
        assert prefix.next_position == len(prompt)
    masked = model.predictions(prompts, inputs, targets, kept)
    for loss, other, logits, target in zip(losses, whole, masked, targets, strict=True):
        assert gap(target_losses(logits, target), loss) <= LARGEST
        assert gap(other, loss) > 100 * LARGEST
    # Another row's selection of the same size would be noticed.
    moved = [tuple(layer.roll(1, 0) for layer in row) for row in kept]
    if kept[0][0].shape[0] > 1:
        wrong = model.predictions(prompts, inputs, targets, moved)
        assert gap(target_losses(wrong[1], targets[1]), losses[1]) > LARGEST


@pytest.mark.parametrize("name", list(FAMILIES))
def test_keeping_everything_changes_nothing(name: str) -> None:
    model = model_of(name)
    prompts, inputs, targets = rows(PROMPTS, 1), rows(INPUTS, 2), rows(TARGETS, 3)

    def everything(view: LayerView) -> list[torch.Tensor]:
        return [torch.arange(len(prompt)).expand(view.keys.shape[1], -1) for prompt in view.prompts]

    prefixes = model.encode(prompts, select=everything)
    for prefix, whole in zip(prefixes, model.encode(prompts), strict=True):
        assert prefix.accounting == whole.accounting
        for one, other in zip(prefix.layers, whole.layers, strict=True):
            assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
    losses = model.run(prefixes, inputs).nll(targets)
    expected = model.run(model.encode(prompts), inputs).nll(targets)
    assert max(gap(one, other) for one, other in zip(losses, expected, strict=True)) <= 1e-6


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", ["llama", "qwen2", "gpt2"])
def test_a_view_explains_the_attention_of_its_layer(name: str, attention: str) -> None:
    """Softmax of the queries' and keys' products is what the stock model says its attention is."""
    model = model_of(name, attention)
    prompt = rows((20,), 4)
    views: list[LayerView] = []
    model.observe(prompt, views.append)
    stock = model_of(name, "eager").model
    with torch.no_grad():
        weights = stock(torch.tensor(prompt), output_attentions=True).attentions
    assert [view.layer for view in views] == list(range(len(weights)))
    for view, expected in zip(views, weights, strict=True):
        keys = view.keys.repeat_interleave(view.groups, dim=1)
        products = view.queries @ keys.transpose(2, 3) * view.scaling
        hidden = torch.ones(20, 20, dtype=torch.bool).triu(1)
        assert gap(products.masked_fill(hidden, -torch.inf).softmax(-1), expected) <= 2e-6


@pytest.mark.parametrize("name", ROTATING)
def test_unrotated_keys_do_not_depend_on_where_a_prompt_stands(name: str) -> None:
    model = model_of(name)
    prompt = rows((14,), 5)
    views: dict[int, list[LayerView]] = {0: [], 7: []}
    model.observe(prompt, views[0].append)
    model.observe(prompt, views[7].append, [Nothing(7, Accounting(0, 0, 0, 0))])
    for first, later in zip(views[0], views[7], strict=True):
        keys = first.unrotated_keys()
        assert gap(keys, later.unrotated_keys()) <= 2e-6 * float(keys.abs().max())
        if first.rotation is not None:
            assert gap(first.keys, later.keys) > 0.01
            assert gap(first.rotation.rotate(keys), first.keys) <= 2e-6 * float(keys.abs().max())


def test_unrotated_keys_are_what_the_key_projection_gives() -> None:
    model = model_of("llama")
    views: list[LayerView] = []
    projected: list[torch.Tensor] = []
    attention = decoder_layers(model.model)[1].self_attn
    hook = attention.k_proj.register_forward_hook(lambda module, args, out: projected.append(out))
    prompts = rows((9, 30), 6)
    rotates = model.rotations
    projected.clear()
    model.observe(prompts, views.append)
    hook.remove()
    assert rotates == ("undone",) * model.num_layers
    keys = views[1].unrotated_keys()
    expected = projected[0].view(2, 30, keys.shape[1], -1).transpose(1, 2)
    assert gap(keys[0, :, 21:], expected[0, :, 21:]) <= 1e-5
    assert gap(keys[1], expected[1]) <= 1e-5


def test_one_layers_states_are_alive_at_a_time() -> None:
    model = model_of("llama")
    alive: list[weakref.ref[Any]] = []
    counts: list[int] = []

    def select(view: LayerView) -> list[torch.Tensor]:
        counts.append(sum(ref() is not None for ref in alive))
        base = view.keys if view.keys._base is None else view.keys._base
        alive.extend(weakref.ref(tensor) for tensor in (base, view.keys, view.values, view.queries))
        return a_third(view)

    model.encode(rows(PROMPTS, 1), select=select)
    assert counts == [0] * model.num_layers


def test_a_selection_is_asked_for_once_a_layer_and_leaves_no_trace() -> None:
    model = model_of("qwen2")
    before = model.model.config._attn_implementation
    asked: list[int] = []

    def select(view: LayerView) -> list[torch.Tensor]:
        asked.append(view.layer)
        return a_third(view)

    model.encode(rows(PROMPTS, 1), select=select)
    assert asked == list(range(model.num_layers))

    def fail(*_: Any) -> None:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        model.encode(rows(PROMPTS, 1), select=fail)
    assert model.model.config._attn_implementation == before
    assert not any(layer._forward_pre_hooks for layer in decoder_layers(model.model))
    from transformers import AttentionInterface

    assert "gisteval_observed" not in AttentionInterface()


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        (Family("bloom", "bloom"), "bloom adds linear biases"),
        (Family("deepseek_v3", "deepseek_v3"), "deepseek_v3 attends to latents"),
        (Family("gemma3n", "gemma3n_text"), "attend to the keys and values of other layers"),
    ],
)
def test_families_whose_layers_cannot_be_observed_are_refused_in_one_line(family, reason) -> None:
    model = DecoderModel(tiny_model(family), family_tokens())
    with pytest.raises(GistevalError, match=reason), observed(model.model, lambda *_: None):
        pass


def test_keys_rotated_in_an_unknown_way_are_not_unrotated() -> None:
    model = DecoderModel(tiny_model(Family("llama4", "llama4_text")), family_tokens())
    views: list[LayerView] = []
    model.observe(rows((9,), 1), views.append)
    with pytest.raises(GistevalError, match="rotated in a way that can't be undone"):
        views[0].unrotated_keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.flip(1), "must ascend within 0 to"),
        (lambda one: one + 60, "must ascend within 0 to"),
        (lambda one: one[0], r"a long tensor of \(2 heads, slots\), not torch.int64 of"),
        (lambda one: one.float(), "a long tensor of .* not torch.float32"),
    ],
)
def test_a_selection_that_is_none_is_refused(change, message) -> None:
    model = model_of("llama")
    with pytest.raises(ValueError, match=message):
        model.encode(rows(PROMPTS, 1), select=lambda view: [change(one) for one in a_third(view)])
    with pytest.raises(ValueError, match="layer 0: 3 rows selected of 4"):
        model.encode(rows(PROMPTS, 1), select=lambda view: a_third(view)[1:])
    with pytest.raises(ValueError, match="give one of them"):
        model.encode(rows(PROMPTS, 1), 3, select=a_third)
