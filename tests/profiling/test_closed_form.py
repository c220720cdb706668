"""The closed forms against the released numbers, fvcore and torch."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from gisteval.errors import GistevalError
from gisteval.profiling.closed_form import Flops, decode, forward, score
from gisteval.profiling.meta import Pass
from gisteval.profiling.operators import OperatorCounter
from gisteval.profiling.shapes import DecoderShape, EncoderDecoderShape, describe_config, load_shape

# shape, tokens, cached -> `flops` of the first example in the paper's released files
RELEASED = [
    ("llama-7b", 58, 0, 768285567292),
    ("llama-7b", 34, 1, 449963612688),
    ("llama-7b", 34, 24, 450374408236),
    ("flan-t5-xxl", 51, 0, 566742242385),
    ("flan-t5-xxl", 27, 1, 306648110641),
]


def random_config(seed: int) -> dict:
    """A small configuration: grouped queries, odd head sizes, tied embeddings, T5 gated or not."""
    draw = random.Random(seed)
    heads = draw.choice([2, 4, 6])
    if seed % 5 < 3:
        return {
            "model_type": ["llama", "mistral", "qwen2"][seed % 5],
            "vocab_size": draw.randint(50, 400),
            "hidden_size": heads * draw.choice([8, 12]),
            "intermediate_size": draw.randint(20, 99),
            "num_hidden_layers": draw.randint(1, 5),
            "num_attention_heads": heads,
            "num_key_value_heads": draw.choice([1, 2, heads]),
            "tie_word_embeddings": draw.random() < 0.5,
            **({"head_dim": draw.choice([10, 16])} if seed % 5 == 1 else {}),
        }
    return {
        "model_type": "t5",
        "vocab_size": draw.randint(50, 400),
        "d_model": draw.choice([24, 32]),
        "d_ff": draw.randint(20, 99),
        "d_kv": draw.choice([6, 8]),
        "num_layers": draw.randint(1, 4),
        "num_decoder_layers": draw.randint(1, 4),
        "num_heads": heads,
        "feed_forward_proj": "gated-gelu" if seed % 5 == 3 else "relu",
        "tie_word_embeddings": seed % 5 == 4,
    }


@pytest.mark.parametrize(("name", "tokens", "cached", "expected"), RELEASED)
def test_closed_form_is_the_released_integer(name, tokens, cached, expected):
    assert forward(load_shape(name).closed, tokens, cached).total == expected


@pytest.mark.parametrize("seed", range(10))
def test_matrix_products_equal_fvcore_and_torch_on_random_configurations(seed):
    shape = describe_config("random", random_config(seed))
    counter = OperatorCounter(shape.config)
    is_t5 = isinstance(shape.closed, EncoderDecoderShape)
    for tokens, cached in ((7 + seed, 0), (5, 3 + seed)):
        found = counter.count(Pass(tokens, cached))
        expected = forward(shape.closed, tokens, cached)
        assert found.fvcore == found.torch == expected.matrix
    decoded = counter.count_decoding(tokens, cached, 4, is_t5)
    assert decoded.fvcore == decoded.torch == decode(shape.closed, tokens, cached, 4).matrix


def test_decoding_is_forward_passes_of_one_token():
    shape = load_shape("llama-7b").closed
    steps = [forward(shape, 1, 40 + step) for step in range(3)]
    assert decode(shape, 30, 10, 3) == steps[0] + steps[1] + steps[2]
    assert decode(shape, 30, 10, 0) == Flops(0, 0, 0, 0)


def test_compression_leaves_out_the_output_matrix_and_the_decoder():
    llama, t5 = load_shape("llama-7b").closed, load_shape("flan-t5-xxl").closed
    assert forward(llama, 9, 0).mm - forward(llama, 9, 0, logits=0).mm == 2 * 9 * 4096 * 32001
    assert forward(t5, 9, 0).total - forward(t5, 9, 0, logits=0).total > 2 * 4096 * 32101


def test_running_in_two_pieces_costs_the_same_projections_and_fewer_scores():
    """A cache saves no projection; it spares the scores of the cached part's queries on later keys."""
    shape = load_shape("llama-7b").closed
    whole, pieces = forward(shape, 50, 0), forward(shape, 20, 0) + forward(shape, 30, 20)
    assert whole.mm == pieces.mm
    assert whole.bmm - pieces.bmm == 4 * 20 * 30 * 4096 * 32


def test_sizes_of_the_published_shapes():
    llama, t5 = load_shape("llama-7b").closed, load_shape("flan-t5-xxl").closed
    assert isinstance(llama, DecoderShape)
    assert llama.parameters == 6_738_423_808  # 6,738,415,616 of LLaMA-7B and two rows for <GIST>
    assert llama.slot_values * 4 == 1_048_576  # PAPER: about 1.05 MB a token in fp32
    assert 11.1e9 < t5.parameters < 11.2e9


def test_where_the_closed_form_does_not_apply_it_says_so():
    gelu = describe_config("x", {"model_type": "llama", "hidden_act": "gelu"})
    gpt2 = describe_config("y", {"model_type": "gpt2"})
    assert gelu.closed is None and "gelu" in gelu.reason
    assert gpt2.closed is None and "gpt2" in gpt2.reason


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "no-such-model"},
        {"model_type": "llama", "vocab_size": "x"},
        {"model_type": "llama", "vocab_size": -4},
        {"model_type": "llama", "num_attention_heads": 0},
        {"model_type": "t5", "num_layers": 0},
    ],
)
def test_a_configuration_that_transformers_refuses_is_an_error(config):
    with pytest.raises(GistevalError):
        describe_config("x", config)


def test_unknown_shapes_and_broken_files_are_errors(tmp_path):
    with pytest.raises(GistevalError, match="llama-7b, flan-t5-xxl"):
        load_shape("llama-8b")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(GistevalError, match="JSON"):
        load_shape(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(GistevalError, match="model_type"):
        load_shape(str(tmp_path / "config.json"))


@pytest.mark.parametrize("name", ["llama-7b", "flan-t5-xxl"])
def test_decoding_many_tokens_is_the_sum_of_single_ones(name: str) -> None:
    shape = load_shape(name).closed
    assert shape is not None
    steps = [decode(shape, 9, 4, n + 1).total - decode(shape, 9, 4, n).total for n in range(12)]
    assert sum(steps) == decode(shape, 9, 4, 12).total
    assert len({later - earlier for earlier, later in pairwise(steps)}) == 1
    if isinstance(shape, DecoderShape):
        assert steps == [forward(shape, 1, 13 + n, 1).total for n in range(12)]
        # Reading a target in one pass takes what decoding it does, and the products that are masked.
        assert score(shape, 9, 4, 12) == forward(shape, 12, 13)
    assert decode(shape, 9, 4, 1) == score(shape, 9, 4, 1)
    assert decode(shape, 9, 4, 0).total == 0
