"""Training of encoder-decoder models: what a batch holds, its loss, and whole trainings of a few steps."""

from __future__ import annotations

import pytest
import torch

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.errors import GistevalError
from gisteval.masks import MaskRule
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.models.running.encoder_decoder import EncoderDecoderModel
from gisteval.records.schema import Example
from gisteval.training.encoder_decoder import SourceCollator, source_collator, split_loss
from gisteval.training.recipe import build_recipe
from gisteval.training.rows import TrainingRow, build_rows
from gisteval.training.train import train

CPU = torch.device("cpu")
COMPRESSORS = {"gist": Gist(), "pos_control": Full(), "neg_control": Empty()}
WORDS = ["cats", "dogs", "worlds", "yes", "no", "maybe", "first", "twice"]
EXAMPLES = [
    Example(f"{n}-{m}", "tiny", "train", f"say {word} {'and ' * n}", other, f"{word} {other}")
    for n, word in enumerate(WORDS)
    for m, other in enumerate([*WORDS[:2], ""])
]
RECIPE = {
    "task": "tiny",
    "family": "tiny",
    "condition": "gist",
    "k": 2,
    "scratch": {
        "model": "t5",
        "vocab_size": 300,
        "hidden_size": 32,
        "intermediate_size": 64,
        "layers": 2,
        "heads": 2,
    },
    "steps": 6,
    "rows_per_step": 6,
    "learning_rate": 0.02,
    "warmup": 0,
    "log_every": 1,
}


def recipe(**changes):
    return build_recipe({**RECIPE, **changes}, "test")


def test_collator_draws_every_column():
    rows = [
        TrainingRow((10, 11, 99, 99), (((20, 21), (22, 23, 1)),)),
        TrainingRow((12, 99, 99), (((1,), (41, 1)),)),
    ]
    batch = SourceCollator(MaskRule("gist"), k=2, start=7)(rows)
    assert batch["input_ids"].tolist() == [[10, 11, 99, 99, 20, 21], [12, 99, 99, 1, 0, 0]]
    assert batch["decoder_input_ids"].tolist() == [[7, 22, 23], [7, 41, 7]]
    assert batch["labels"].tolist() == [[22, 23, 1], [41, 1, -100]]
    assert batch["cross_mask"].int().tolist() == [[0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 0, 0]]
    prompt, behind = [1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1]
    assert batch["source_mask"].shape == (2, 1, 6, 6)
    assert (batch["source_mask"][0, 0] == 0).int().tolist() == [*[prompt] * 4, *[behind] * 2]


@pytest.mark.parametrize(
    "rule",
    [
        MaskRule("gist"),
        MaskRule("pos_control"),
        MaskRule("neg_control"),
        MaskRule("gist", leak_window=3),
    ],
)
def test_the_loss_trained_on_is_the_one_evaluated(tiny_model, rule):
    plain = tiny_model("t5", 2)
    model = EncoderDecoderModel(plain.model, plain.tokens, rule.leak_window)
    rows, _ = build_rows(EXAMPLES[:5], model.tokens, pack=1, max_length=200)
    batch = source_collator(rule, 2, model.model)(rows)
    with torch.inference_mode():
        trained = float(split_loss(model.model, batch))
    losses = []
    for example in EXAMPLES[:5]:
        compressed = COMPRESSORS[rule.condition].compress(model, [example.instruction], None)
        losses += model.score(compressed, [example.input], [example.output])
    assert trained == pytest.approx(float(torch.cat(losses).mean()), abs=2e-5)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training") / "t5"
    return folder, train(recipe(), EXAMPLES, folder)


def test_a_new_t5_is_trained_and_evaluated(finished):
    folder, record = finished
    checkpoint = inspect_checkpoint(folder)
    assert checkpoint.record.template == checkpoint.architecture.template == record.template
    assert checkpoint.architecture.name == "encoder-decoder"
    assert (record.name, record.training["rows"]) == ("tiny-gist-2", len(EXAMPLES))
    losses = [loss for _, loss in record.training["loss"]]
    assert losses[-1] < losses[0] - 0.5
    model = load_model(checkpoint, CPU, torch.float32)
    assert model.model.lm_head.weight is model.model.shared.weight
    own = EXAMPLES[:3]
    compressed = Gist().compress(model, [example.instruction for example in own], None)
    found = model.score(compressed, [e.input for e in own], [e.output for e in own])
    assert float(torch.cat(found).mean()) < losses[0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_warm_start_goes_on_from_its_base(finished, tmp_path, precision):
    changes = {"scratch": None, "base": str(finished[0]), "condition": "pos_control", "k": 1, "steps": 2}
    record = train(recipe(**changes, precision=precision), EXAMPLES, tmp_path)
    assert record.template == finished[1].template
    assert 0 < record.training["loss"][0][1] < finished[1].training["loss"][0][1] - 0.2


def test_examples_cannot_share_a_row(tmp_path):
    with pytest.raises(GistevalError, match="pack: can only be 1 for an encoder-decoder model, not 2"):
        train(recipe(pack=2), EXAMPLES, tmp_path)


@pytest.mark.parametrize(
    ("scratch", "message"),
    [
        ({"model": "t5", "context": 99}, "scratch: a t5 has no context"),
        ({"model": "t5", "init_std": 0.1}, "a t5 has no init_std"),
        ({"model": "bart"}, "scratch.model: Input should be 'llama' or 't5'"),
        ({"hidden_size": 30}, "hidden_size must be a multiple of heads"),
    ],
)
def test_a_wrong_scratch_is_named(scratch, message):
    with pytest.raises(GistevalError, match=message):
        recipe(scratch=scratch)
