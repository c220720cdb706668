"""Arguments of the lm-eval model: what they mean, and one line for those that mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval import GistLM
from gisteval.integrations.lm_eval.arguments import device_name, parse_budget, row_limit, rule_of, spec_of
from gisteval.integrations.lm_eval.parts import Rule
from gisteval.models.checkpoints.checkpoint import Checkpoint, GistRecord
from gisteval.models.running.architecture import DECODER
from gisteval.prompts import ChatTemplate, Template
from gisteval.records.budget import Budget
from gisteval.segmentation import Segmentation


def checkpoint(condition=None, **more) -> Checkpoint:
    return Checkpoint(Path("own"), GistRecord("own", condition, 1, **more), DECODER, False, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"compres": "nothing"}, "did you mean 'compress'"),
        ({"compress": "after:x"}, "is no rule"),
        ({"compressor": "gits"}, "did you mean 'gist'"),
        ({"compress": "nothing", "compressor": "gist"}, "needs a part to compress"),
        ({"compressor": "random", "sed": 1}, "'sed' is unknown .did you mean 'seed'"),
        ({"compressor": "knorm", "seed": 1}, "'seed' is unknown"),
        ({"compressor": "random:seed=1", "seed": 2}, "setting 'seed' is given twice"),
        ({"compressor": "knorm", "budget": "0%"}, "above 0% and at most 100%"),
        ({"budget": 4, "compressor": "full"}, "has nothing to work on, full takes none"),
        ({"batch_size": "many"}, "batch_size"),
    ],
)
def test_bad_arguments_are_one_line(tiny_suite, arguments, message):
    with pytest.raises(GistevalError, match=message):
        GistLM(pretrained=str(tiny_suite / "gist-1"), device="cpu", **arguments)


def test_an_encoder_decoder_is_refused(t5_suite):
    with pytest.raises(GistevalError, match="encoder-decoder"):
        GistLM(pretrained=str(t5_suite / "gist-1"), device="cpu")


def test_a_trained_checkpoint_compresses_what_its_template_does() -> None:
    template = Template(instruction="Do: {instruction}\n")
    assert rule_of(None, checkpoint("gist", template=template)) == Rule("until", "Do: {instruction}\n")
    assert rule_of(None, checkpoint()) is None
    assert rule_of("before:Q", checkpoint("gist")) == Rule("before", "Q")
    with pytest.raises(GistevalError, match="say what is compressed with compress=until:TEXT"):
        rule_of(None, checkpoint("gist", template=ChatTemplate("user")))


def test_the_compressor_is_the_users_or_else_that_of_the_training() -> None:
    rule, segments = Rule("before", "Q"), Segmentation("8", "last", "original")
    assert str(spec_of(None, {}, [], checkpoint("gist"), rule)) == "gist"
    assert str(spec_of(None, {}, [], checkpoint("gist", segments=segments), rule)) == segments.spec
    assert str(spec_of(None, {}, [], checkpoint(), None)) == "full"
    assert str(spec_of("random", {"seed": 3}, ["k"], checkpoint("gist"), rule)) == "random:seed=3"
    with pytest.raises(GistevalError, match="own has no condition: say how"):
        spec_of(None, {}, [], checkpoint(), rule)


def test_numbers_are_read_from_text_and_from_numbers_alike() -> None:
    method = build_compressor("knorm")
    assert parse_budget(4, method) == parse_budget("4", method) == Budget(4)
    assert parse_budget(None, method) is None
    assert [row_limit(size, 9) for size in ("auto", "auto:4", 3, "3")] == [9, 9, 3, 3]
    with pytest.raises(GistevalError, match="batch_size must be auto or a positive number, not 0"):
        row_limit(0, None)


def test_lm_evals_default_device_stands_for_what_there_is(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    asked = [(None, None), ("cuda:0", None), ("cpu", None), ("cuda:1", "auto")]
    assert [device_name(*names) for names in asked] == ["auto", "auto", "cpu", "auto"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    asked = [("cuda:0", None), ("cuda:0", "auto"), ("cuda:1", "auto")]
    assert [device_name(*names) for names in asked] == ["cuda:0", "auto", "cuda:1"]
