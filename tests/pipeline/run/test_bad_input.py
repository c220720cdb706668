"""What users get wrong: one clear line, an exit code, no traceback, nothing lost."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = [("say cats", "dogs", "yes"), ("say no", "", "no")]


@pytest.fixture
def checkpoint(tiny_suite, tmp_path: Path) -> Path:
    """A copy of a gist checkpoint to break."""
    shutil.copytree(tiny_suite / "gist-1", tmp_path / "broken")
    return tmp_path / "broken"


@pytest.fixture
def task(tmp_path: Path, write_task) -> Path:
    return write_task(tmp_path / "task", EXAMPLES)


def cut(file: Path, to: float = 0.5) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * to)])


def drop_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors.pop("model.layers.1.mlp.down_proj.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def as_pickle(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (shutil.rmtree, "broken does not exist: give a folder or a hub name"),
    "empty": (
        lambda f: [p.unlink() for p in f.iterdir()],
        "holds no checkpoint",
    ),
    "no config": (lambda f: (f / "config.json").unlink(), "has no config.json: it is no checkpoint"),
    "torn config": (lambda f: cut(f / "config.json"), "config.json is half-written or damaged"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "has no weights (*.safetensors)"),
    "torn weights": (lambda f: cut(f / "model.safetensors"), "model.safetensors is half-written:"),
    "torn header": (lambda f: cut(f / "model.safetensors", 0.01), "model.safetensors is damaged"),
    "empty weights": (lambda f: cut(f / "model.safetensors", 0.0), "model.safetensors is damaged"),
    "lost tensor": (drop_tensor, "is half-written: its weight files lack 1 tensors"),
    "lost shard": (
        lambda f: (f / "model.safetensors.index.json").write_text('{"weight_map": {"a": "b.safetensors"}}'),
        "is half-written: b.safetensors is missing",
    ),
    "no tokenizer": (lambda f: (f / "tokenizer_config.json").unlink(), "has no tokenizer_config.json"),
    "torn tokenizer": (lambda f: cut(f / "tokenizer.json"), "tokenizer.json is half-written or damaged"),
    "torn record": (lambda f: cut(f / "gist.json"), "gist.json is half-written or damaged"),
    "empty record": (lambda f: (f / "gist.json").write_text("{}"), "gist.json: format None is unknown"),
    "pickle": (as_pickle, "holds pickle weights (pytorch_model.bin), which can run code when loaded"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_checkpoint_is_one_line(name: str, checkpoint: Path, task: Path, refused) -> None:
    damage, message = BREAKS[name]
    damage(checkpoint)
    line = refused("run", "--model", checkpoint, "--task", task, "--output", checkpoint.parent / "run")
    assert message in line
    assert str(checkpoint) in line
    assert not list(checkpoint.parent.glob("run/generations/*"))


@pytest.mark.parametrize("name", ["torn weights", "no config"])
def test_one_broken_member_is_named_before_the_suite_is_run(
    name: str, tiny_suite, tmp_path: Path, task: Path, refused
) -> None:
    suite = tmp_path / "suite"
    shutil.copytree(tiny_suite, suite)
    damage, message = BREAKS[name]
    damage(suite / "neg_control")
    line = refused("run", "--model", suite, "--task", task, "--output", tmp_path / "run")
    assert str(suite / "neg_control") in line and message in line
    assert not (tmp_path / "run").exists()


def test_a_member_without_a_record_is_left_out_with_a_note(
    tiny_suite, tmp_path: Path, task: Path, gisteval, results
) -> None:
    suite = tmp_path / "suite"
    shutil.copytree(tiny_suite, suite)
    (suite / "gist-3" / "gist.json").unlink()
    outcome = gisteval("run", "--model", suite, "--task", task, "--output", tmp_path / "run")
    assert outcome.code == 0
    assert f"{suite / 'gist-3'} has no gist.json (half-written, or a plain model): left out." in outcome.err
    assert {row["k"] for row in results(tmp_path / "run")["rows"]} == {1}


def test_pickles_load_only_when_they_are_allowed(checkpoint: Path, task: Path, tmp_path, gisteval) -> None:
    as_pickle(checkpoint)
    arguments = ("run", "--model", checkpoint, "--task", task, "--output", tmp_path / "run")
    outcome = gisteval(*arguments, "--allow-pickle")
    assert outcome.code == 0, outcome.err


def test_a_tokenizer_without_gist_is_named(checkpoint: Path, task: Path, tmp_path, refused) -> None:
    (checkpoint / "gist.json").unlink()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (checkpoint / name).read_text()
        (checkpoint / name).write_text(text.replace("<GIST>", "<other>"))
    common = ("run", "--model", checkpoint, "--task", task, "--output", tmp_path / "run")
    for flags in (("--k", 2), ("--condition", "gist")):
        line = refused(*common, *flags)
        assert "has no <GIST> token" in line and str(checkpoint) in line
        shutil.rmtree(tmp_path / "run", ignore_errors=True)  # a long text is counted before it is made
    assert "has no gist tokens: compressor gist needs a k" in refused(*common, "--compressor", "gist")


BAD_FLAGS = {
    ("--task", "wordpaly"): "task 'wordpaly' is unknown (did you mean 'wordplay'?)",
    ("--split", "tset"): "has no split 'tset' (did you mean 'test'?): choose from test",
    ("--device", "gpu"): "device 'gpu' is not usable here",
    ("--device", "meta"): "device 'meta' is not usable here",
    ("--dtype", "float23"): "dtype 'float23' is unknown: choose auto, float32",
    ("--compressor", "gits"): "compressor 'gits' is unknown (did you mean 'gist'?)",
    ("--condition", "gits"): "condition 'gits' is unknown: choose from gist",
    ("--limit", "0"): "limit must be at least 1, not 0",
    ("--batch-size", "all"): "batch-size must be auto or a positive number, not 'all'",
    ("--pos-control", "nowhere"): "nowhere does not exist",
    ("--config", "nowhere.yaml"): "configuration nowhere.yaml can't be read",
    ("--limit", "many"): "'--limit'",
    ("--nonsense", "1"): "No such option: --nonsense",
}


@pytest.mark.parametrize("flags", BAD_FLAGS, ids=" ".join)
def test_a_wrong_flag_is_one_line(flags: tuple[str, str], tiny_suite, task, tmp_path, refused) -> None:
    line = refused("run", "--model", tiny_suite, "--task", task, "--output", tmp_path / "run", *flags)
    assert BAD_FLAGS[flags] in line
    assert not (tmp_path / "run").exists()


def test_a_typing_error_in_a_path_asks_no_hub(tmp_path: Path, task: Path, refused, monkeypatch) -> None:
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.chdir(tmp_path)
    assert "model checkpoints/gits-1 does not exist" in refused(
        "run", "--model", "checkpoints/gits-1", "--task", task
    )


def test_flags_of_one_checkpoint_are_refused_for_a_suite(tiny_suite, task: Path, refused) -> None:
    line = refused("run", "--model", tiny_suite, "--task", task, "--k", 2)
    assert "is a suite: --condition and --k" in line


def test_two_systems_of_one_name_are_refused(checkpoint: Path, tiny_suite, task: Path, refused) -> None:
    models = ("--model", tiny_suite / "gist-1", "--model", checkpoint)
    line = refused("run", *models, "--task", task)
    assert "are both named tiny-gist-1: change the family in one gist.json" in line


BAD_CONFIGS = {
    "limit: [1": "run.yaml can't be read",
    "limt: 3": "unknown field 'limt' (did you mean 'limit'?)",
    "limit: three": "field 'limit' must be a whole number, not 'three'",
    "- run": "must be a YAML mapping",
}


@pytest.mark.parametrize("text", BAD_CONFIGS)
def test_a_wrong_configuration_is_one_line(text: str, tmp_path: Path, refused) -> None:
    (tmp_path / "run.yaml").write_text(text)
    line = refused("run", "--config", tmp_path / "run.yaml")
    assert BAD_CONFIGS[text] in line and str(tmp_path / "run.yaml") in line


def test_damaged_data_is_one_line(tiny_suite, tmp_path: Path, task: Path, refused) -> None:
    arguments = ("run", "--model", tiny_suite, "--task", task, "--output", tmp_path / "run")
    cut(task / "data.jsonl", 0.8)
    assert "data.jsonl, line 2: not JSON (" in refused(*arguments)
    (task / "data.jsonl").write_text('{"instruction": "", "input": "", "output": "x"}\n')
    assert "small/test, item 1: the instruction is empty" in refused(*arguments)
    (task / "data.jsonl").write_text("")
    assert "split 'test' of task small has no examples" in refused(*arguments)
    definition = (task / "task.yaml").read_text()
    checked = definition.replace("data.jsonl}", f"data.jsonl, sha256: {'a' * 64}}}")
    (task / "task.yaml").write_text(checked)
    assert "data.jsonl is corrupt or truncated" in refused(*arguments)
    (task / "data.jsonl.gz").write_bytes(gzip.compress(b"[]" * 50)[:-10])
    (task / "task.yaml").write_text(definition.replace("data.jsonl", "data.jsonl.gz"))
    assert "data.jsonl.gz is damaged" in refused(*arguments)


def test_the_output_of_another_run_is_left_alone(tiny_suite, tmp_path, task, gisteval, refused) -> None:
    arguments = ("run", "--model", tiny_suite / "gist-1", "--task", task, "--output", tmp_path / "run")
    assert gisteval(*arguments).code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    for change in (("--max-new-tokens", 3), ("--limit", 1), ("--seed", 1), ("--dtype", "bfloat16")):
        line = refused(*arguments, *change)
        assert "holds another run (its " in line and "choose another --output" in line
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    assert "not empty and holds no run" in refused(*arguments[:-1], task)


def test_examples_over_the_context_are_counted_and_named(
    tiny_suite, tmp_path: Path, gisteval, results, write_task
) -> None:
    long = [("maybe " * 400, "", "yes"), ("say yes", "", "yes " * 300)]
    task = write_task(tmp_path / "task", [long[0], *EXAMPLES, long[1]])
    run = tmp_path / "run"
    arguments = ("run", "--model", tiny_suite, "--task", task, "--output", run)
    outcome = gisteval(*arguments)
    assert outcome.code == 0, outcome.err
    counts = {row["metric"]: (row["n"], row["failures"]) for row in results(run)["rows"]}
    assert counts["rougeL"] == counts["exact_match"] == (4, 2)  # what is missing is worth 0
    assert counts["nll"] == counts["bytes"] == (2, 2)
    failures = json.loads((run / "failures.json").read_text())
    assert {failure["example"] for failure in failures} == {"small-test-0001", "small-test-0004"}
    assert {failure["system"] for failure in failures} == {row["system"] for row in results(run)["rows"]}
    assert "the context has 256" in failures[0]["reason"]
    report = (run / "report" / "report.md").read_text()
    for text in (outcome.err, report):
        assert "tiny-gist-1 on test: 2 examples exceed the context of 256 tokens" in text
        assert "small-test-0001, small-test-0004" in text
    assert report.count("4 (2 without output)") == 4
    before = results(run)
    assert gisteval(*arguments).code == 0  # the failures are found and counted again
    assert results(run) == before


def test_a_split_that_does_not_fit_at_all_is_invalid(tiny_suite, tmp_path, refused, write_task) -> None:
    task = write_task(tmp_path / "task", [("maybe " * 400, "", "yes")])
    line = refused("run", "--model", tiny_suite, "--task", task, "--output", tmp_path / "run", code=4)
    assert "no example fits into the model's context" in line


def test_weights_that_are_no_numbers_are_an_invalid_run(checkpoint: Path, task, tmp_path, refused) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(checkpoint / "model.safetensors")
    tensors["model.norm.weight"] = torch.full_like(tensors["model.norm.weight"], torch.nan)
    save_file(tensors, checkpoint / "model.safetensors", metadata={"format": "pt"})
    line = refused("run", "--model", checkpoint, "--task", task, "--output", tmp_path / "run", code=4)
    assert ": the logits of small-test-000" in line and "are not finite" in line


def test_a_single_row_out_of_memory_says_what_to_do(
    tiny_suite, task, tmp_path, refused, monkeypatch
) -> None:
    import torch

    def fail(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("gisteval.generation.answering._answers", fail)
    line = refused("run", "--model", tiny_suite, "--task", task, "--output", tmp_path / "run")
    assert "out of memory, even with one row at a time: what was written is kept; try --dtype" in line
