"""`gisteval profile` and `gisteval run --profile` from the outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gisteval.cli.app import app
from gisteval.config_file import read_config
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import GistRecord
from gisteval.models.checkpoints.loading import save_checkpoint
from gisteval.models.running.architecture import architecture_of
from gisteval.pipeline.profile.options import ProfileOptions
from gisteval.pipeline.profile.profile_model import model_profile
from gisteval.pipeline.run.evaluate import run
from gisteval.profiling.operators import OperatorCounter, Uncountable

FIGURES = ("break_even-batch-1", "latency_breakdown-batch-1", "roofline", "cost_by_prompt_length")


def call(capsys, *arguments: str) -> str:
    app(["profile", *arguments], standalone_mode=False)
    return capsys.readouterr().out


def test_a_sweep_is_written_with_its_table_and_figure(capsys, tmp_path):
    arguments = ["--shape", "llama-7b", "--what-if", "--prompt-tokens", "26,4000", "--gist-tokens", "1"]
    call(capsys, *arguments, "--batch-size", "1", "--output", str(tmp_path), "--formats", "pdf", "--json")
    rows = (tmp_path / "tables" / "profile-what-if.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rows[1:]] == ["26", "4000"]
    assert (tmp_path / "figures" / "cost_by_prompt_length-llama-7b.pdf").stat().st_size > 1000


@pytest.fixture
def few_rounds(monkeypatch) -> None:
    """Six passes of each way, however long they take: enough for intervals."""
    monkeypatch.setattr("gisteval.profiling.measure.MOST_ROUNDS", 6)


@pytest.mark.usefixtures("few_rounds")
def test_a_suite_is_measured_and_reported(capsys, tiny_suite, tiny_task, tmp_path):
    arguments = ["--model", str(tiny_suite), "--task", str(tiny_task), "--split", "test", "--limit", "6"]
    arguments += ["--batch-size", "1,3,7", "--output-tokens", "3", "--time-budget", "900"]
    found = json.loads(call(capsys, *arguments, "--output", str(tmp_path), "--json"))
    assert found == json.loads((tmp_path / "profile.json").read_text())
    names = ["no cache", "whole-prompt cache", "gist-1", "gist-3", "negative control"]
    assert [batch["batch_size"] for batch in found["batches"]] == [1, 3]
    for batch in found["batches"]:
        assert [system["name"] for system in batch["systems"]] == names
        assert {even["unit"] for even in batch["break_even"]} == {"flops", "seconds"}
    assert found["notes"] == ["Batch of 7: left out, with only 6 examples."]
    assert found["threads"] >= 1 and found["clock"] == "perf_counter"
    for name in FIGURES:
        assert (tmp_path / "figures" / f"{name}.svg").is_file()
    assert "whole-prompt cache" in (tmp_path / "profile.md").read_text()


@pytest.fixture(scope="module")
def experts(tmp_path_factory, tiny_tokenizer) -> Path:
    """A gist checkpoint of a random mixture of experts."""
    from transformers import MixtralConfig, MixtralForCausalLM

    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    experts = {"num_key_value_heads": 2, "num_local_experts": 4, "max_position_embeddings": 256}
    config = MixtralConfig(
        vocab_size=len(tiny_tokenizer),
        bos_token_id=None,
        eos_token_id=tiny_tokenizer.eos_token_id,
        pad_token_id=tiny_tokenizer.pad_token_id,
        **sizes,
        **experts,
    )
    folder = tmp_path_factory.mktemp("experts") / "gist-1"
    template = architecture_of({"model_type": "mixtral"}, "test").template
    recipe = {"recipe": {"condition": "gist", "k": 1, "steps": 0}}
    record = GistRecord("tiny", "gist", 1, template, training=recipe)
    save_checkpoint(folder, MixtralForCausalLM(config), tiny_tokenizer, record)
    return folder


@pytest.mark.usefixtures("few_rounds")
@pytest.mark.parametrize("countable", [True, False])
def test_a_mixture_of_experts_is_timed_with_or_without_flops(
    capsys, experts, tiny_task, tmp_path, monkeypatch, countable
):
    if not countable:

        def refuse(counter, step):
            raise Uncountable("mixtral: its FLOPs can't be counted")

        monkeypatch.setattr(OperatorCounter, "matrix", refuse)
    arguments = ["--model", str(experts), "--task", str(tiny_task), "--split", "test", "--limit", "4"]
    arguments += ["--batch-size", "2", "--output-tokens", "3", "--time-budget", "900"]
    text = call(capsys, *arguments, "--output", str(tmp_path))
    found = json.loads((tmp_path / "profile.json").read_text())
    (batch,) = found["batches"]
    assert all(system["seconds"]["end_to_end"]["n"] == 6 for system in batch["systems"])
    if countable:
        # Two of four experts and the router, projections of two layers, a token and three matrices each.
        a_token = 2 * 2 * (2 * 32 * (32 + 16) + 2 * 3 * 32 * 48 + 32 * 4)
        negative = batch["systems"][-1]
        assert negative["flops"]["prefill"] > negative["run_tokens"] * a_token
        assert negative["flops"]["prefill"] < 1.3 * negative["run_tokens"] * a_token
        assert {even["unit"] for even in batch["break_even"]} == {"flops", "seconds"}
    else:
        assert found["notes"] == ["Wall times without FLOPs: mixtral: its FLOPs can't be counted."]
        assert all(system["flops"] is None for system in batch["systems"])
        assert {even["unit"] for even in batch["break_even"]} == {"seconds"}
        assert "compress FLOPs" not in text and "Wall times without FLOPs" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one of"),
        (["--shape", "llama-7b"], "--input-tokens"),
        (["--shape", "llama-7b", "--model", "x"], "give one of"),
        (["--shape", "llama-7b", "--what-if", "--prompt-tokens", "a"], "--prompt-tokens"),
        (["--shape", "llama-7b", "--what-if", "--memory-budget", "much"], "80GB"),
        (["--shape", "llama-7b", "--what-if", "--prompt-tokens", "²"], "--prompt-tokens"),
        (["--model", "no/such/folder"], "does not exist"),
        (["--model", "x", "--time-budget", "0"], "--time-budget"),
        (["--model", "x", "--time-budget", "nan"], "--time-budget"),
        (["--model", "x", "--limit", "0"], "--limit"),
        (["--model", "x", "--threads", "0"], "--threads"),
        (["--model", "x", "--output-tokens", "1"], "--output-tokens"),
        (["--model", "x", "--output", "/dev/null/here"], "choose another --output"),
    ],
)
def test_what_makes_no_sense_is_one_clear_error(capsys, arguments, message):
    with pytest.raises(GistevalError, match=message):
        call(capsys, *arguments)


def test_a_suite_of_controls_has_nothing_to_profile(capsys, tiny_suite, tiny_task):
    with pytest.raises(GistevalError, match="no compressed system"):
        call(
            capsys, "--model", str(tiny_suite / "pos_control"), "--task", str(tiny_task), "--split", "test"
        )


def test_help_does_not_import_torch():
    code = (
        "import sys; from gisteval.cli.app import app\n"
        "try: app(['profile', '--help'], standalone_mode=False)\n"
        "finally: assert not {'torch', 'transformers', 'matplotlib', 'fvcore'} & set(sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "--what-if" in finished.stdout


def test_an_encoder_decoder_is_refused_before_anything_is_run(tmp_path, t5_suite, tiny_task):
    with pytest.raises(GistevalError, match="whole-prompt cache, which an encoder-decoder model does not"):
        model_profile(ProfileOptions(model=str(t5_suite), task=str(tiny_task)))
    flags = {"models": [str(t5_suite)], "task": str(tiny_task), "output": str(tmp_path / "run")}
    config = read_config(None, {**flags, "profile": True})
    with pytest.raises(GistevalError, match="its FLOPs come from gisteval profile --shape"):
        run(config)
    assert not (tmp_path / "run").exists()
