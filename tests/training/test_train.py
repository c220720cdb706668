"""Whole trainings of a few steps: what they leave behind, and how they go on after an interruption."""

from __future__ import annotations

import errno
import json
import shutil
from contextlib import contextmanager

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import TrainerCallback

from gisteval.compressors.gist.gist import Gist
from gisteval.errors import GistevalError
from gisteval.generation.selfcheck import check_cached_path
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.records import store
from gisteval.records.schema import Example
from gisteval.segmentation import Segmentation
from gisteval.suite import SuiteOptions, build_suite
from gisteval.training import train as training
from gisteval.training.recipe import build_recipe
from gisteval.training.train import train

CPU = torch.device("cpu")
WORDS = ["cats", "dogs", "worlds", "yes", "no", "maybe", "first", "twice"]
EXAMPLES = [
    Example(f"{n}-{m}", "tiny", "train", f"say {word} {'and ' * n}", other, f"{word} {other}")
    for n, word in enumerate(WORDS)
    for m, other in enumerate(WORDS[:3])
]
RECIPE = {
    "task": "tiny",
    "family": "tiny",
    "condition": "gist",
    "k": 2,
    "scratch": {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "layers": 2, "heads": 2},
    "steps": 6,
    "rows_per_step": 3,
    "pack": 2,
    "learning_rate": 0.02,
    "warmup": 0,
    "log_every": 1,
    "save_every": 3,
}


def recipe(**changes):
    return build_recipe({**RECIPE, **changes}, "test")


def weights(folder, file: str = "model.safetensors") -> dict[str, torch.Tensor]:
    return load_file(folder / file)


def differences(one, other, file: str = "model.safetensors") -> list[str]:
    first, second = weights(one, file), weights(other, file)
    assert first.keys() == second.keys()
    return [name for name in first if not torch.equal(first[name], second[name])]


def test_a_checkpoint_in_segments_is_read_as_it_was_trained(tmp_path):
    changes = {"steps": 1, "k": 1, "segments": {"length": 4, "sees": "last", "numbering": "slots"}}
    record = train(recipe(**changes), EXAMPLES, tmp_path / "gist")
    checkpoint = inspect_checkpoint(tmp_path / "gist")
    assert checkpoint.record.segments == record.segments == Segmentation("4", "last", "slots")
    assert checkpoint.record.name == "tiny-gist-1-every-4-last-slots"
    (system,) = build_suite(tmp_path / "gist", SuiteOptions()).evaluated
    assert system.compressor == "segments:length=4,numbering=slots,sees=last"
    model = load_model(checkpoint, CPU, torch.float32)
    check = check_cached_path(model, system.method(), None, EXAMPLES[:4], 4)
    assert check.loss_difference < 1e-4


def test_segments_of_an_encoder_decoder_are_refused(tmp_path):
    t5 = {"model": "t5", "vocab_size": 300, "hidden_size": 32, "layers": 1, "heads": 2}
    with pytest.raises(GistevalError, match="segments: an encoder-decoder model sees its prompt at once"):
        train(recipe(scratch=t5, pack=1, segments={}), EXAMPLES, tmp_path / "gist")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of a training that was never interrupted: 6 steps, 16 rows, so that epoch two begins."""
    folder = tmp_path_factory.mktemp("training") / "whole"
    return folder, train(recipe(), EXAMPLES, folder)


def test_loss_falls_and_the_record_tells_how(finished):
    folder, record = finished
    assert inspect_checkpoint(folder).record.to_json() == json.loads(json.dumps(record.to_json()))
    assert (record.name, record.base, record.leak_window) == ("tiny-gist-2", None, 0)
    told = record.training
    assert told["recipe"]["steps"] == 6
    assert (told["examples"], told["rows"], told["left_out"]) == (24, 16, 0)
    steps, losses = zip(*told["loss"], strict=True)
    assert steps == (1, 2, 3, 4, 5, 6)
    assert losses[-1] < losses[0] - 0.5
    assert not (folder / "unfinished").exists()


def test_a_trained_checkpoint_can_be_evaluated(finished):
    model = load_model(inspect_checkpoint(finished[0]), CPU, torch.float32)
    assert sum(weight.numel() for weight in model.model.parameters()) == finished[1].training["parameters"]
    own = EXAMPLES[:3]
    compressed = Gist().compress(model, [example.instruction for example in own], None)
    losses = model.score(compressed, [e.input for e in own], [e.output for e in own])
    assert float(torch.cat(losses).mean()) < finished[1].training["loss"][0][1]


def test_the_same_recipe_gives_the_same_weights_and_another_seed_others(finished, tmp_path):
    train(recipe(), EXAMPLES, tmp_path / "again")
    assert differences(finished[0], tmp_path / "again") == []
    train(recipe(seed=1), EXAMPLES, tmp_path / "other")
    assert len(differences(finished[0], tmp_path / "other")) > 10


def test_a_finished_folder_is_refused(finished):
    with pytest.raises(GistevalError, match="already holds a checkpoint: choose another --output"):
        train(recipe(), EXAMPLES, finished[0])


class Interrupted(Exception):
    """Stands for a crash of the machine."""


class StopAt(TrainerCallback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, args, state, control, **options):
        if state.global_step == self.step:
            raise Interrupted


@contextmanager
def interrupted_at(step: int):
    """Trainings inside stop when they have done `step` steps."""

    class Stopping(training.RowTrainer):
        def __init__(self, **options):
            super().__init__(**options, callbacks=[StopAt(step)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "RowTrainer", Stopping)
        yield


@pytest.mark.parametrize(
    ("save_every", "stop", "epoch", "optimizer"),
    [(2, 3, 0, "adamw"), (7, 8, 1, "adamw"), (6, 7, 1, "adamw"), (7, 9, 1, "muon")],
)
def test_an_interrupted_training_ends_with_the_weights_of_a_whole_one(
    tmp_path, save_every, stop, epoch, optimizer
):
    """Six steps are an epoch: the interruptions fall into the first, into the second, and between."""
    changes = {"steps": 10, "save_every": save_every, "optimizer": optimizer}
    train(recipe(**changes), EXAMPLES, tmp_path / "whole")
    with interrupted_at(stop), pytest.raises(Interrupted):
        train(recipe(**changes), EXAMPLES, tmp_path / "halved")
    assert not (tmp_path / "halved" / "gist.json").exists()
    saved = tmp_path / "halved" / "unfinished" / f"checkpoint-{save_every * (stop // save_every)}"
    assert int(json.loads((saved / "trainer_state.json").read_text())["epoch"]) == epoch
    with pytest.raises(GistevalError, match="it is no checkpoint, or half-written"):
        inspect_checkpoint(tmp_path / "halved")
    record = train(recipe(**changes), EXAMPLES, tmp_path / "halved")
    assert differences(tmp_path / "whole", tmp_path / "halved") == []
    assert [step for step, _ in record.training["loss"]] == list(range(1, 11))


def test_an_interrupted_adapter_training_ends_as_a_whole_one(finished, tmp_path):
    changes = {"scratch": None, "base": str(finished[0]), "lora": {"r": 2}, "steps": 9, "save_every": 7}
    train(recipe(**changes), EXAMPLES, tmp_path / "whole")
    with interrupted_at(8), pytest.raises(Interrupted):
        train(recipe(**changes), EXAMPLES, tmp_path / "halved")
    train(recipe(**changes), EXAMPLES, tmp_path / "halved")
    assert differences(tmp_path / "whole", tmp_path / "halved", "adapter_model.safetensors") == []


def test_a_step_that_was_saved_halfway_is_passed_over(finished, tmp_path):
    with interrupted_at(5), pytest.raises(Interrupted):
        train(recipe(), EXAMPLES, tmp_path / "halved")
    saved = tmp_path / "halved" / "unfinished"
    shutil.copytree(saved / "checkpoint-3", saved / "checkpoint-12")
    (saved / "checkpoint-12" / "trainer_state.json").unlink()
    shutil.copytree(saved / "checkpoint-3", saved / "checkpoint-15")
    (saved / "checkpoint-15" / "trainer_state.json").write_text('{"epoch": 1.5, "glob')
    train(recipe(), EXAMPLES, tmp_path / "halved")
    assert differences(finished[0], tmp_path / "halved") == []


def test_an_unfinished_training_of_another_recipe_is_not_continued(tmp_path):
    with interrupted_at(2), pytest.raises(Interrupted):
        train(recipe(), EXAMPLES, tmp_path)
    with pytest.raises(GistevalError, match="belongs to a training with another recipe: delete it"):
        train(recipe(learning_rate=0.01), EXAMPLES, tmp_path)


def test_a_damaged_recipe_is_said(tmp_path):
    with interrupted_at(4), pytest.raises(Interrupted):
        train(recipe(), EXAMPLES, tmp_path)
    (tmp_path / "unfinished" / "recipe.json").write_text('{"task": ')
    with pytest.raises(GistevalError, match=r"recipe\.json is missing or damaged: delete .*unfinished"):
        train(recipe(), EXAMPLES, tmp_path)


def test_one_training_at_a_time(finished, tmp_path):
    with store.only_writer(tmp_path / "unfinished"), pytest.raises(GistevalError, match="is being written"):
        train(recipe(), EXAMPLES, tmp_path)
    train(recipe(), EXAMPLES, tmp_path)
    assert differences(finished[0], tmp_path) == []
    assert not (tmp_path / "unfinished").exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_full_disk_keeps_what_was_saved(finished, tmp_path, monkeypatch, error):
    """The errors are those that the writers raised on a file system without room."""

    def full(*arguments, **options):
        raise error

    with interrupted_at(4), pytest.raises(Interrupted):
        train(recipe(), EXAMPLES, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(training, "save_checkpoint", full)
        with pytest.raises(GistevalError, match="no disk space left"):
            train(recipe(), EXAMPLES, tmp_path)
    record = train(recipe(), EXAMPLES, tmp_path)
    assert differences(finished[0], tmp_path) == []
    assert record.training["loss"] == finished[1].training["loss"]  # no step more than the recipe's


def test_a_warm_start_continues_with_the_weights_and_tokenizer_of_its_base(finished, tmp_path):
    changes = {"scratch": None, "base": str(finished[0]), "condition": "pos_control", "k": 1}
    record = train(recipe(**changes, learning_rate=1e-9, steps=1), EXAMPLES, tmp_path / "warm")
    assert (record.base, record.condition, record.k) == (str(finished[0]), "pos_control", 1)
    before, after = weights(finished[0]), weights(tmp_path / "warm")
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    files = [folder / "tokenizer.json" for folder in (finished[0], tmp_path / "warm")]
    assert json.loads(files[0].read_text())["model"] == json.loads(files[1].read_text())["model"]
    scratch = train(recipe(condition="pos_control", k=1, steps=1), EXAMPLES, tmp_path / "scratch")
    assert record.training["loss"][0][1] < scratch.training["loss"][0][1] - 0.5


@pytest.mark.parametrize(
    ("asked", "capabilities", "given"),
    [
        ("float32", {"amx_bf16": True}, "float32"),
        ("bfloat16", {"amx_bf16": True}, "bfloat16"),
        ("bfloat16", {"avx2": True, "avx512_bf16": False}, "float32"),
    ],
)
def test_every_precision_trains_to_finite_weights_of_the_dtype_asked_for(
    tmp_path, monkeypatch, caplog, asked, capabilities, given
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    record = train(recipe(precision=asked, steps=2, save_dtype="float16"), EXAMPLES, tmp_path)
    assert record.training["precision"] == given
    assert ("training in float32" in caplog.text) == (asked != given)
    found = weights(tmp_path)
    assert {weight.dtype for weight in found.values()} == {torch.float16}
    assert all(weight.isfinite().all() for weight in found.values())
    losses = [loss for _, loss in record.training["loss"]]
    assert all(0 < loss < 10 for loss in losses)
    assert losses[1] < losses[0]


def test_rows_that_do_not_fit_are_counted_and_none_left_is_an_error(tmp_path):
    record = train(recipe(max_length=28, steps=1, pack=1), EXAMPLES, tmp_path / "short")
    assert record.training["rows"] + record.training["left_out"] == len(EXAMPLES)
    assert 0 < record.training["left_out"] < len(EXAMPLES)
    with pytest.raises(GistevalError, match="no training row fits into max_length 8"):
        train(recipe(max_length=8, steps=1), EXAMPLES, tmp_path / "none")
