"""Which checkpoint can be a control of another, and what is said of one that differs."""

from __future__ import annotations

import json
import shutil

import pytest

from gisteval.controls import check_control
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.suite import SuiteOptions, build_suite


@pytest.fixture
def copied(tiny_suite, tmp_path):
    """Copies a member of the tiny suite into a folder of its own: copied("pos_control")."""
    return lambda name: shutil.copytree(tiny_suite / name, tmp_path / name)


def test_a_control_of_another_architecture_or_tokenizer_is_refused(tiny_suite, t5_suite, copied):
    options = SuiteOptions(pos_control=t5_suite / "pos_control")
    with pytest.raises(GistevalError, match=r"pos_control can't be a control of .*: it is a t5 model, not"):
        build_suite(tiny_suite / "gist-1", options)
    control = copied("neg_control")
    file = control / "tokenizer.json"
    content = json.loads(file.read_text())
    words = content["model"]["vocab"]
    first, second = list(words)[-9:-7]
    words[first], words[second] = words[second], words[first]
    file.write_text(json.dumps(content))
    with pytest.raises(
        GistevalError, match=r"neg_control can't be .*: its tokenizer has another vocabulary"
    ):
        build_suite(tiny_suite / "gist-1", SuiteOptions(neg_control=control))


def test_a_control_whose_tokenizer_has_one_special_token_more_is_taken(tiny_suite, copied):
    from transformers import AutoTokenizer

    control = copied("neg_control")
    tokenizer = AutoTokenizer.from_pretrained(control)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<EXTRA>"]}, replace_extra_special_tokens=False
    )
    tokenizer.save_pretrained(control)
    suite = build_suite(tiny_suite / "gist-1", SuiteOptions(neg_control=control))
    assert (suite.negative.checkpoint.path, suite.notes) == (control, ())


def test_a_control_of_another_size_is_taken_and_said(tiny_suite, copied):
    control = copied("pos_control")
    file = control / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "num_hidden_layers": 2}))
    suite = build_suite(tiny_suite / "gist-1", SuiteOptions(pos_control=control))
    (note,) = suite.notes
    assert note.startswith("tiny-pos_control-1 is of another size than tiny-gist-1")


def test_an_adapter_is_what_its_base_is_and_unknown_where_that_is_not_at_hand(
    tiny_suite, t5_suite, tmp_path
):
    control = inspect_checkpoint(tiny_suite / "pos_control")

    def adapter(base: object):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        shutil.copytree(tiny_suite / "gist-1", folder)
        (folder / "config.json").unlink()
        (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
        config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": str(base)}
        (folder / "adapter_config.json").write_text(json.dumps(config))
        return inspect_checkpoint(folder)

    assert check_control(control, [adapter("nobody/nothing"), adapter(tiny_suite / "gist-3")]) == []
    with pytest.raises(GistevalError, match="it is a llama model, not t5"):
        check_control(control, [adapter(t5_suite / "gist-3")])
