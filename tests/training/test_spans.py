"""Pretraining on spans of text: the rows are the text, and a base trained so goes on with instructions."""

from __future__ import annotations

import pytest
import torch

from gisteval.compressors.gist.gist import Gist
from gisteval.generation.selfcheck import check_cached_path
from gisteval.masks import MaskRule
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.prompts import Template
from gisteval.records.schema import Example
from gisteval.segmentation import Segmentation
from gisteval.training.recipe import Spans, build_recipe
from gisteval.training.rows import IGNORED, Collator
from gisteval.training.spans import span_rows, texts
from gisteval.training.train import train

WORDS = ["cats", "dogs", "worlds", "yes", "no", "maybe", "first", "twice"]
EXAMPLES = [
    Example(f"{word}-{other}", "tiny", "train", f"say {word}", other, f"{word} {other}")
    for word in WORDS
    for other in ("yes", "")
]
SPANS = Spans(longest=6, follows=5)


@pytest.fixture(scope="module")
def tokens(tiny_tokenizer) -> PromptTokenizer:
    return PromptTokenizer(tiny_tokenizer, Template(), 2)


def test_an_instruction_stands_once_before_its_inputs_and_outputs():
    assert next(texts(EXAMPLES)) == "say cats\nyes\ncats yes\ncats \n"


def test_one_behind_the_other_the_rows_are_the_text(tokens):
    rows, too_long = span_rows(EXAMPLES * 3, tokens, SPANS, 0, 512)
    spans = [row.prompt[:-2] for row in rows]
    assert too_long == 0 and {row.prompt[-2:] for row in rows} == {tuple(tokens.gists)}
    assert {len(span) for span in spans} == set(range(1, 7))
    joined = [
        token for row, span in zip(rows, spans, strict=True) for token in (*span, *sum(row.pairs[0], ()))
    ]
    whole = [token for text in texts(EXAMPLES * 3) for token in tokens.tokenizer(text)["input_ids"]]
    assert joined == whole[: len(joined)] and len(whole) - len(joined) < 6 + 5


def test_the_seed_decides_where_the_text_is_cut(tokens):
    first, again, other = (span_rows(EXAMPLES, tokens, SPANS, seed, 512)[0] for seed in (0, 0, 1))
    assert first == again != other


def test_every_token_that_follows_but_the_first_is_predicted_behind_the_gists(tokens):
    rows, _ = span_rows(EXAMPLES, tokens, SPANS, 0, 512)
    batch = Collator(MaskRule("gist"), 2, 1)(rows[:4])
    assert (batch["labels"] != IGNORED).sum(dim=1).tolist() == [4] * 4
    for row, labels, mask in zip(rows, batch["labels"], batch["attention_mask"][:, 0], strict=False):
        seen = (mask[labels != IGNORED] == 0)[:, : len(row.prompt)]
        assert not seen[:, :-2].any() and seen[:, -2:].all()


def test_spans_that_are_too_long_are_counted_and_segments_have_gists_of_their_own(tokens):
    all_rows, _ = span_rows(EXAMPLES, tokens, SPANS, 0, 512)
    short, too_long = span_rows(EXAMPLES, tokens, SPANS, 0, 10)
    assert short == [row for row in all_rows if len(row) <= 10]
    assert too_long == len(all_rows) - len(short) > 0
    rule = MaskRule("gist", segments=Segmentation("2"))
    cut, _ = span_rows(EXAMPLES, tokens, SPANS, 0, 512, rule=rule)
    for row, whole in zip(cut, all_rows, strict=True):
        assert sum(row.segments) == len(whole.prompt) - 2 and max(row.segments) <= 2
        assert len(row.prompt) == sum(row.segments) + 2 * len(row.segments)


@pytest.mark.parametrize("architecture", ["llama", "t5"])
def test_instructions_are_learnt_behind_spans(tmp_path, architecture):
    size = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "layers": 2, "heads": 2}
    shared = {
        "task": "tiny", "family": "tiny", "condition": "gist", "k": 2, "rows_per_step": 4, "pack": 1,
        "learning_rate": 0.01, "warmup": 0, "log_every": 1, "steps": 4,
    }  # fmt: skip
    spans = {"spans": SPANS.model_dump(), "scratch": {"model": architecture, **size}}
    first = train(build_recipe({**shared, **spans}, "test"), EXAMPLES, tmp_path / "spans")
    assert first.training["recipe"]["spans"] == {"longest": 6, "follows": 5}
    assert first.training["loss"][-1][1] < first.training["loss"][0][1]
    further = build_recipe({**shared, "base": str(tmp_path / "spans")}, "test")
    second = train(further, EXAMPLES, tmp_path / "instructions")
    assert "spans" not in second.training["recipe"] and second.training["rows"] == len(EXAMPLES)
    model = load_model(inspect_checkpoint(tmp_path / "instructions"), torch.device("cpu"), torch.float32)
    assert check_cached_path(model, Gist(), None, EXAMPLES[:4]).max_nll_difference < 1e-3
