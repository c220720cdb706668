"""Runs and trainings whose prompts the tokenizer's chat template makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.config_file import read_config
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model, load_tokenizer, save_checkpoint
from gisteval.models.text import chat_templates
from gisteval.pipeline.compress import compress_prompts
from gisteval.pipeline.run.plan import plan_run, run_identity
from gisteval.prompts import ChatTemplate, Template
from gisteval.records.schema import Example
from gisteval.training.recipe import build_recipe
from gisteval.training.train import train

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

LATER = """
import datetime, json, runpy, sys
sys.path[:] = json.loads(sys.argv[1])
from transformers.utils import chat_template_utils
class Later(datetime.datetime):
    now = classmethod(lambda cls: cls(2001, 2, 3))
chat_template_utils.datetime = Later
runpy.run_path({!r}, run_name="__main__")
"""
"""The program that renders templates, on another day."""


@pytest.fixture(scope="module")
def write_chat(tiny_network, chat_tokenizer):
    """Writes a checkpoint with a chat template: write_chat(folder, condition, k, template, chat)."""

    def write(folder: Path, condition="gist", k=2, template=None, chat: str | None = CHATML) -> Path:
        tokenizer = chat_tokenizer(chat)
        network = tiny_network("llama")
        network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        record = GistRecord("tiny", condition, k, template or Template())
        save_checkpoint(folder, network, tokenizer, record)
        return folder

    return write


@pytest.fixture(scope="module")
def plain_folder(write_chat, tmp_path_factory) -> Path:
    """A chat model without gist.json. Don't change it."""
    folder = write_chat(tmp_path_factory.mktemp("chat") / "model")
    (folder / "gist.json").unlink()
    return folder


def options(folder: Path, task: Path, **changes):
    return {"model": folder, "task": task, "judge": "none", "limit": 6, **changes}


def identity(folder: Path, task: Path, **changes):
    return run_identity(plan_run(read_config(None, options(folder, task, **changes)))).systems


def test_a_suite_of_chat_models_runs_as_its_records_say(write_chat, tiny_task, tmp_path):
    import gisteval

    for condition in ("gist", "pos_control", "neg_control"):
        write_chat(tmp_path / "suite" / condition, condition, 2, ChatTemplate("system"))
    run = gisteval.run(**options(tmp_path / "suite", tiny_task, output=tmp_path / "run"))
    checks = json.loads((run.folder / "manifest.json").read_text())["self_check"]
    assert set(checks) == {"tiny-gist-2", "tiny-pos_control-2", "tiny-neg_control-2"}
    assert all(check["max_nll_difference"] < 1e-4 for check in checks.values())
    assert all(check["greedy_mismatches"] == 0 for check in checks.values())
    lines = (run.folder / "generations" / "tiny-gist-2.jsonl").read_text().splitlines()
    record = json.loads(lines[0])
    assert (record["kept"], record["template_tokens"] > 0) == (2, True)


def test_the_flag_reads_a_model_without_record(plain_folder, tiny_task, tmp_path):
    import gisteval

    chosen = options(plain_folder, tiny_task, chat_template="user", compressor="truncate", budget=4)
    run = gisteval.run(**chosen, output=tmp_path / "run")
    assert {row.control for row in run.rows} == {None, "untrained"}
    assert json.loads((run.folder / "manifest.json").read_text())["config"]["chat_template"] == "user"


def test_template_and_role_change_the_keys(plain_folder, write_chat, tiny_task, tmp_path, monkeypatch):
    found = [
        identity(plain_folder, tiny_task, k=2, chat_template=role) for role in (None, "system", "user")
    ]
    other = tmp_path / "model"
    write_chat(other, chat=CHATML.replace("\n", " "))
    (other / "gist.json").unlink()
    assert (other / "chat_template.jinja").is_file()
    found.append(identity(other, tiny_task, k=2, chat_template="user"))
    names = {name for systems in found for name in systems}
    assert len(names) == 3
    assert all(len({systems[name] for systems in found}) == 4 for name in names)


def test_a_date_in_the_template_changes_the_keys(write_chat, tiny_task, tmp_path, monkeypatch):
    folder = write_chat(
        tmp_path / "model", template=ChatTemplate("system"), chat="{{ strftime_now('%j') }}" + CHATML
    )
    today = identity(folder, tiny_task)
    assert today == identity(folder, tiny_task)

    later = tmp_path / "later.py"
    later.write_text(LATER.format(str(chat_templates.PROGRAM)))
    monkeypatch.setattr(chat_templates, "PROGRAM", later)
    process = chat_templates._RenderingProcess()
    monkeypatch.setattr(chat_templates, "_process", process)
    assert today != identity(folder, tiny_task)
    process.close()


def test_a_tokenizer_without_chat_template_is_refused_before_anything_is_loaded(
    tiny_suite, tiny_task, tmp_path
):
    import gisteval

    chosen = options(tiny_suite / "gist-1", tiny_task, chat_template="user", output=tmp_path / "run")
    with pytest.raises(GistevalError, match="has no chat template: leave --chat-template out"):
        gisteval.run(**chosen)
    assert not (tmp_path / "run").exists()


def test_an_encoder_decoder_is_refused(t5_suite):
    with pytest.raises(GistevalError, match="encoder-decoder model, which takes no chat template"):
        inspect_checkpoint(t5_suite / "gist-1", chat_template="user")


def test_compress_counts_the_tokens_of_the_chat(plain_folder):
    def rows(role):
        given = {"models": [plain_folder], "k": 2, "device": "cpu", "chat_template": role}
        return compress_prompts(read_config(None, given), ["say no"])

    (plain,), (chat,) = rows(None), rows("user")
    head = "<|im_start|>user\n"
    tokenizer = load_tokenizer(inspect_checkpoint(plain_folder))
    assert chat.template_tokens == len(tokenizer(head)["input_ids"])
    assert chat.source_tokens == len(tokenizer(head + "say no")["input_ids"]) != plain.source_tokens
    assert plain.kept == chat.kept == 2


def test_training_keeps_the_role_in_its_record(plain_folder, tmp_path):
    import torch

    examples = [Example(str(n), "tiny", "train", "say no", f"cats {n}", "no") for n in range(6)]
    fields = {"task": "tiny", "family": "chat", "condition": "gist", "k": 2, "steps": 2, "rows_per_step": 2}
    recipe = build_recipe({**fields, "base": str(plain_folder), "chat_template": "system"}, "test")
    record = train(recipe, examples, tmp_path / "trained")
    assert record.template == ChatTemplate("system")
    checkpoint = inspect_checkpoint(tmp_path / "trained")
    assert checkpoint.record.template == ChatTemplate("system")
    model = load_model(checkpoint, torch.device("cpu"), torch.float32)
    prompt = model.tokens.tokenizer.decode(model.tokens.prompts(["say no"])[0])
    assert prompt == "<|im_start|>system\nsay no"


def test_a_new_model_has_no_chat_template():
    fields = {"task": "tiny", "family": "chat", "condition": "gist", "steps": 2, "scratch": {}}
    with pytest.raises(GistevalError, match="chat_template need a base"):
        build_recipe({**fields, "chat_template": "user"}, "test")
