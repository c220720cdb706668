"""Models under test that think before they answer, by chat templates of the three kinds there are."""

from __future__ import annotations

import json
import shutil
from itertools import chain, pairwise
from pathlib import Path

import pytest
import torch

from gisteval.compressors.full import Full
from gisteval.generation.answering import Decoding, answer_all
from gisteval.generation.outcomes import TooLong
from gisteval.models.checkpoints.checkpoint import GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model, save_checkpoint
from gisteval.prompts import ChatTemplate
from gisteval.records.schema import Example
from gisteval.thinking import PAIRS

THINK = PAIRS[0]
START = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
ASSISTANT = "{% if add_generation_prompt %}<|im_start|>assistant\n"
OPENS = START + ASSISTANT + "<think>\n{% endif %}"
SWITCH = (
    START + ASSISTANT + "{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
BOTH = START + ASSISTANT + "<think>\n{% if enable_thinking is false %}\n</think>\n\n{% endif %}{% endif %}"
PLAIN = START + ASSISTANT + "{% endif %}"


@pytest.fixture
def write(tiny_network, chat_tokenizer, tmp_path):
    """Writes a chat model: write(template, says). says: texts of one token each.

    Such a model says after each of these tokens the next, whatever came before.
    """

    def make(template: str, says: list[str] | None = None, special: bool = False) -> Path:
        tokenizer = chat_tokenizer(template)
        if special:
            tokenizer.add_special_tokens(
                {"additional_special_tokens": list(THINK)}, replace_extra_special_tokens=False
            )
        else:
            tokenizer.add_tokens(list(THINK))
        network = tiny_network("llama")
        network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        if says is not None:
            ids = [tokenizer.encode(text, add_special_tokens=False) for text in says]
            assert all(len(each) == 1 for each in ids)
            say(network, [each[0] for each in ids])
        folder = tmp_path / "model"
        save_checkpoint(folder, network, tokenizer, GistRecord("m", "gist", 1))
        (folder / "gist.json").unlink()
        return folder

    return make


def say(network, order: list[int]) -> None:
    """Weights under which the token after order[i] is order[i + 1]."""
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "norm" not in name:
                weight.zero_()
        for place, (token, following) in enumerate(pairwise(order)):
            network.get_input_embeddings().weight[token, place] = 1.0
            network.get_output_embeddings().weight[following, place] = 1.0


def run(gisteval, folder: Path, task: Path, *more: object):
    out = folder.parent / "run"
    outcome = gisteval(
        *("run", "--model", folder, "--chat-template", "user", "--compressor", "none", "--judge", "none"),
        *("--task", task, "--output", out, "--json", *more),
    )
    assert outcome.code == 0, outcome.err
    lines = (out / "generations" / "model-none.jsonl").read_text().splitlines()
    rows = {row["metric"]: row for row in json.loads(outcome.out)["rows"] if row["system"] == "model-none"}
    return [json.loads(line) for line in lines], rows, outcome.err


@pytest.fixture
def task(write_task, tmp_path) -> Path:
    return write_task(tmp_path / "task", [("say cats", "", "yes"), ("say dogs", "", "yes")])


OPEN_CHAIN = ["\n", " no", "</think>", "yes", "<|im_end|>"]
"""Behind the template's <think> and line break: a thought, its end, the answer."""


@pytest.mark.parametrize("special", [False, True])
def test_the_answer_behind_the_thought_is_scored(gisteval, write, task, special: bool) -> None:
    folder = write(OPENS, OPEN_CHAIN, special)
    records, rows, err = run(gisteval, folder, task)
    assert {(r["output"], r["raw"], r["finished"]) for r in records} == {
        ("yes", "<think> no</think>yes", True)
    }
    assert rows["exact_match"]["value"] == 100.0
    assert err.count(f"the chat template of {folder} opens a thought (<think>)") >= 1
    report = (folder.parent / "run" / "report" / "report.md").read_text()
    assert "opens a thought" in report


def test_a_thought_can_be_kept(gisteval, write, task) -> None:
    folder = write(OPENS, OPEN_CHAIN)
    records, rows, _ = run(gisteval, folder, task, "--thinking", "keep")
    assert {(r["output"], r["raw"]) for r in records} == {("no</think>yes", None)}
    assert rows["exact_match"]["value"] == 0.0


def test_other_tags_are_set_in_the_configuration(gisteval, write, task, tmp_path) -> None:
    folder = write(START + ASSISTANT + "[\n{% endif %}", ["\n", " no", "]", "yes", "<|im_end|>"])
    config = tmp_path / "run.yaml"
    config.write_text('thinking_tags: ["[", "]"]\n')
    records, _, _ = run(gisteval, folder, task, "--config", config)
    assert {(r["output"], r["raw"]) for r in records} == {("yes", "[ no]yes")}


def test_an_answer_cut_inside_its_thought_is_counted(gisteval, write, task) -> None:
    folder = write(OPENS, ["\n", " no", "e", " no"])  # never ends
    records, rows, err = run(gisteval, folder, task, "--max-new-tokens", 5)
    assert {(r["output"], r["finished"]) for r in records} == {("", False)}
    assert all(r["raw"].startswith("<think> no") for r in records)
    assert rows["exact_match"]["value"] == 0.0
    note = "2 of 2 answers end inside their thought and count as empty (2 at the limit of 5 new tokens"
    assert note in err and note in (folder.parent / "run" / "report" / "report.md").read_text()


def test_a_model_that_opens_its_thought_itself(gisteval, write, task) -> None:
    records, rows, err = run(
        gisteval, write(SWITCH, ["\n", "<think>", " no", "</think>", "yes", "<|im_end|>"]), task
    )
    assert {(r["output"], r["raw"]) for r in records} == {("yes", "<think> no</think>yes")}
    assert rows["exact_match"]["value"] == 100.0 and "opens a thought" not in err


@pytest.mark.parametrize("template", [OPENS, SWITCH, BOTH, PLAIN])
def test_the_loss_is_taken_behind_an_empty_thought(gisteval, write, task, template: str) -> None:
    """Against the stock model on the text that the template renders with its thoughts switched off."""
    folder = write(template)
    records, _, _ = run(gisteval, folder, task)
    model = load_model(inspect_checkpoint(folder), torch.device("cpu"), torch.float32)
    tokenizer, stock = model.tokens.tokenizer, model.model
    for record, instruction in zip(records, ("say cats", "say dogs"), strict=True):
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": instruction}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )
        if template is OPENS:
            text += "\n</think>\n\n"
        assert (template is PLAIN) == ("</think>" not in text)
        before = tokenizer.encode(text, add_special_tokens=False)
        target = [*tokenizer.encode("yes", add_special_tokens=False), *tokenizer.encode("<|im_end|>")]
        with torch.inference_mode():
            logits = stock(torch.tensor([before + target])).logits[0, len(before) - 1 : -1]
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(target))
        assert record["nll"] == pytest.approx(float(loss), abs=1e-4)
        assert record["target_tokens"] == len(target)


def test_a_model_that_was_trained_to_answer_at_once_is_read_as_it_was_trained(
    gisteval, write, task
) -> None:
    """gisteval trains on the answer where the prompt ends, in the opened thought: it is read there."""
    folder = write(OPENS, ["\n", "yes", "<|im_end|>"])
    plain, _, _ = run(gisteval, folder, task)
    assert {r["output"] for r in plain} == {""}
    training = {"recipe": {"condition": "pos_control", "k": 0, "chat_template": "user"}}
    record = GistRecord("model", "pos_control", 0, ChatTemplate("user"), training=training)
    (folder / "gist.json").write_text(json.dumps(record.to_json()))
    shutil.rmtree(folder.parent / "run")
    outcome = gisteval(
        *("run", "--model", folder, "--judge", "none", "--task", task, "--output", folder.parent / "run")
    )
    assert outcome.code == 0 and "opens a thought" not in outcome.err
    lines = (folder.parent / "run" / "generations" / "model-pos_control-0.jsonl").read_text().splitlines()
    assert {(json.loads(line)["output"], json.loads(line)["raw"]) for line in lines} == {("yes", None)}


def test_the_rule_is_a_part_of_the_keys_of_models_that_think(write, task) -> None:
    from gisteval.config_file import read_config
    from gisteval.pipeline.run.plan import plan_run

    def prefixes(folder: Path, **changes) -> set[str]:
        options = {"model": folder, "chat_template": "user", "task": task, "compressor": "none"}
        plan = plan_run(read_config(None, {**options, **changes}))
        return {identity.thinking or "" for identity in plan.identities.values()}

    folder = write(OPENS)
    assert prefixes(folder) == {"strip:<think>:</think>"}
    assert prefixes(folder, thinking="keep") == {"keep:<think>:</think>"}
    assert prefixes(folder, thinking_tags=("[", "]")) == {"strip:[:]"}
    (folder / "chat_template.jinja").write_text(PLAIN)
    assert prefixes(folder) == {""}  # its keys are those of earlier versions
    assert prefixes(folder, thinking="keep") == {"keep:<think>:</think>"}


def test_a_longer_context_for_the_loss_is_planned_for(write) -> None:
    checkpoint = inspect_checkpoint(write(OPENS), chat_template="user")
    model = load_model(checkpoint, torch.device("cpu"), torch.float32)
    example = Example("e", "t", "s", "say cats", "", "yes")
    tokens = model.tokens
    longest = len(tokens.prompts(["say cats"])[0]) + len(tokens.targets(["yes"])[0])
    longest += len(tokens.behind_thought([""], THINK)[0])
    for context, kind in ((longest, False), (longest - 1, True)):
        model.context = context
        found = list(chain.from_iterable(answer_all(model, Full(), None, [example], Decoding(2))))
        assert [isinstance(item, TooLong) for item in found] == [kind]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--thinking", "off"), "thinking must be strip or keep, not 'off'"),
        (("--config", "tags.yaml"), "thinking-tags: a thought needs a text that opens it"),
    ],
)
def test_rules_that_are_none(refused, tmp_path, monkeypatch, flags, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tags.yaml").write_text('thinking_tags: ["<think>"]\n')
    assert words in refused("run", *flags)
