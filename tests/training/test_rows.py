"""Packed rows: what they hold, and that packing changes no loss."""

from __future__ import annotations

import pytest
import torch

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.spec import build_compressor
from gisteval.masks import MaskRule, additive, head_masks, visibility
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.prompts import Template
from gisteval.records.schema import Example
from gisteval.segmentation import Segmentation
from gisteval.training.rows import IGNORED, Collator, TrainingRow, TrainingRows, build_rows, loss_history

COMPRESSORS = {"gist": Gist(), "pos_control": Full(), "neg_control": Empty()}
PAIRS = [
    ("say the first word", "cats, dogs", "cats"),
    ("say the first word", "", "no"),
    ("say the first word", "worlds and maybe more", "worlds, no dogs"),
    ("repeat", "yes", "yes yes yes"),
    ("say the first word", "no", "no"),
]
EXAMPLES = [Example(str(number), "tiny", "train", *texts) for number, texts in enumerate(PAIRS)]


@pytest.fixture
def tokens(tiny_tokenizer) -> PromptTokenizer:
    return PromptTokenizer(tiny_tokenizer, Template(), 2)


def test_neighbours_of_one_instruction_share_a_row(tokens, tiny_tokenizer):
    rows, too_long = build_rows(EXAMPLES, tokens, pack=2, max_length=200)
    assert too_long == 0
    texts = [
        (tiny_tokenizer.decode(row.prompt), [tiny_tokenizer.decode(x + y) for x, y in row.pairs])
        for row in rows
    ]
    say = "Instruction: say the first word\n<GIST><GIST>"
    assert texts == [
        (say, ["\nInput: cats, dogs\nOutput: cats</s>", "\nOutput: no</s>"]),
        (say, ["\nInput: worlds and maybe more\nOutput: worlds, no dogs</s>"]),
        ("Instruction: repeat\n<GIST><GIST>", ["\nInput: yes\nOutput: yes yes yes</s>"]),
        (say, ["\nInput: no\nOutput: no</s>"]),
    ]
    assert [tiny_tokenizer.decode(y) for _, y in rows[0].pairs] == [" cats</s>", " no</s>"]
    dataset = TrainingRows(rows)
    assert (len(dataset), dataset[2]) == (4, rows[2])
    assert len(rows[0]) == len(rows[0].prompt) + sum(len(x) + len(y) for x, y in rows[0].pairs)


def test_rows_up_to_the_maximum_length_are_kept(tokens):
    rows, _ = build_rows(EXAMPLES, tokens, pack=3, max_length=200)
    longest = max(map(len, rows))
    assert build_rows(EXAMPLES, tokens, pack=3, max_length=longest) == (rows, 0)
    kept, too_long = build_rows(EXAMPLES, tokens, pack=3, max_length=longest - 1)
    assert kept == [row for row in rows if len(row) < longest]
    assert too_long == 3


ROWS = [
    TrainingRow((10, 11, 99, 99), (((20, 21), (22, 23)), ((30,), (31,)))),
    TrainingRow((12, 99, 99), (((40,), (41,)),)),
]


def test_collator_draws_every_column():
    batch = Collator(MaskRule("gist"), k=2, num_heads=2)(ROWS)
    assert batch["input_ids"].tolist() == [
        [10, 11, 99, 99, 20, 21, 22, 23, 30, 31],
        [12, 99, 99, 40, 41, 0, 0, 0, 0, 0],
    ]
    # Positions restart behind the prompt for the second continuation.
    assert batch["position_ids"].tolist() == [
        [0, 1, 2, 3, 4, 5, 6, 7, 4, 5],
        [0, 1, 2, 3, 4, 0, 0, 0, 0, 0],
    ]
    no = IGNORED
    assert batch["labels"].tolist() == [
        [no, no, no, no, no, no, 22, 23, no, 31],
        [no, no, no, no, 41, no, no, no, no, no],
    ]


@pytest.mark.parametrize(
    "rule",
    [
        MaskRule("gist"),
        MaskRule("pos_control"),
        MaskRule("neg_control"),
        MaskRule("gist", leak_window=1),
        MaskRule("gist", heads=frozenset({1})),
    ],
)
def test_collator_mask_is_the_one_of_the_rule(rule):
    roles = torch.tensor([[0, 0, 1, 1, 2, 2, 2, 2, 3, 3], [0, 1, 1, 2, 2, -1, -1, -1, -1, -1]])
    mask = Collator(rule, k=2, num_heads=2)(ROWS)["attention_mask"]
    assert mask.dtype == torch.float32
    assert torch.equal(mask, additive(head_masks(roles, rule, 2), torch.float32))
    if rule.heads is None:
        assert torch.equal(mask[:, 0] == 0, visibility(roles, rule))


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gpt2"])
@pytest.mark.parametrize(
    "rule",
    [
        MaskRule("gist"),
        MaskRule("pos_control"),
        MaskRule("neg_control"),
        MaskRule("gist", leak_window=3),
    ],
)
def test_loss_of_packed_rows_is_the_mean_over_the_examples_alone(tiny_model, name, rule):
    """Trained and evaluated alike: the cached path gives the loss the packed rows are trained on."""
    plain = tiny_model(name, 2)
    model = DecoderModel(plain.model, plain.tokens, rule.leak_window)
    rows, _ = build_rows(EXAMPLES, model.tokens, pack=3, max_length=200)
    batch = Collator(rule, 2, model.num_heads)(rows)
    with torch.inference_mode():
        packed = float(model.model(**batch, use_cache=False).loss)
    losses = []
    for example in EXAMPLES:
        compressed = COMPRESSORS[rule.condition].compress(model, [example.instruction], None)
        losses += model.score(compressed, [example.input], [example.output])
    assert packed == pytest.approx(float(torch.cat(losses).mean()), abs=1e-5)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize(
    "segments",
    [
        Segmentation("3"),
        Segmentation("sentence", "nothing"),
        Segmentation("1/3", "tokens"),
        Segmentation("3", "last", "slots"),
    ],
)
def test_loss_of_packed_rows_in_segments_is_the_mean_over_the_examples_alone(tiny_model, name, segments):
    model = tiny_model(name, 2)
    rule = MaskRule("gist", segments=segments)
    rows, _ = build_rows(EXAMPLES, model.tokens, pack=3, max_length=200, rule=rule)
    batch = Collator(rule, 2, model.num_heads)(rows)
    with torch.inference_mode():
        packed = float(model.model(**batch, use_cache=False).loss)
    losses = []
    for example in EXAMPLES:
        compressed = build_compressor(segments.spec).compress(model, [example.instruction], None)
        losses += model.score(compressed, [example.input], [example.output])
    assert packed == pytest.approx(float(torch.cat(losses).mean()), abs=1e-5)


def test_rows_in_segments_fit_by_the_positions_that_they_take_up(tokens):
    """Longer than the context in tokens, but not in positions."""
    example = Example("long", "tiny", "train", "say the first word " * 20, "cats", "cats")
    segments = Segmentation("8", "last", "slots")
    for context, numbered, left_out in ((40, segments, 0), (40, Segmentation("8", "last"), 1)):
        rows, too_long = build_rows(
            [example], tokens, 1, 1000, context, MaskRule("gist", segments=numbered)
        )
        assert (len(rows), too_long) == (1 - left_out, left_out)


def test_loss_of_one_continuation_does_not_depend_on_the_other(tiny_model):
    """The gradient of a packed row's second loss never reaches the first continuation."""
    model = tiny_model("llama", 2)
    rows, _ = build_rows(EXAMPLES[:3], model.tokens, pack=3, max_length=200)
    batch = Collator(MaskRule("gist"), 2, model.num_heads)(rows)
    first = len(rows[0].prompt)
    second = first + sum(map(len, rows[0].pairs[0]))
    batch["labels"][0, :second] = IGNORED
    embedded = model.model.get_input_embeddings()(batch.pop("input_ids")).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model.model(inputs_embeds=embedded, **batch).loss, embedded)
    reached = gradient[0].abs().amax(-1) > 0
    assert not reached[first:second].any()
    assert reached[:first].all()
    assert reached[second:].any()


def test_loss_history_reads_the_steps_that_have_a_loss():
    log = [{"step": 1, "loss": 2.5}, {"step": 1, "eval": 1}, {"step": 2, "loss": 2}, {"train_loss": 1}]
    assert loss_history(log) == [(1, 2.5), (2, 2.0)]
