"""`gisteval compress`: one instruction in, its accounting out."""

from __future__ import annotations

import json
import shutil
from itertools import product
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig


def accounting(gisteval, model, *arguments: object) -> dict[str, object]:
    outcome = gisteval("compress", "--model", model, "--prompt", "say the first word", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    row: dict[str, object] = json.loads(outcome.out)
    return row


def test_each_checkpoint_compresses_as_it_was_trained(tiny_suite, gisteval) -> None:
    names = ("gist-1", "gist-3", "pos_control", "neg_control")
    rows = {name: accounting(gisteval, tiny_suite / name) for name in names}
    assert [row["compressor"] for row in rows.values()] == ["gist", "gist", "full", "empty"]
    assert [rows[name]["kept"] for name in ("gist-1", "gist-3", "neg_control")] == [1, 3, 0]
    assert rows["gist-3"]["bytes"] == 3 * rows["gist-1"]["bytes"] > 0
    assert len({row["source_tokens"] for row in rows.values()}) == 1
    # The positive control keeps the whole prompt and its one gist token.
    assert rows["pos_control"]["kept"] == rows["pos_control"]["source_tokens"] + 1


def test_other_compressors_and_several_prompts(tiny_suite, gisteval) -> None:
    row = accounting(gisteval, tiny_suite / "gist-1", "--compressor", "truncate", "--budget", 2)
    assert (row["compressor"], row["kept"] - row["kept_template"]) == ("truncate", 2)
    assert row["kept_template"] == row["template_tokens"]
    prompts = ("--prompt", "say the first word", "--prompt", "no")
    outcome = gisteval("compress", "--model", tiny_suite / "gist-1", *prompts)
    first, size, prompt, *between, _, second, _, _, _ = outcome.out.splitlines()
    assert first.endswith("-> 1 slot and 0 of template") and size.endswith(" s (gist)")
    assert prompt == "Instruction: say the first word" and second.endswith(" s (gist)")
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert between[0] == "<GIST>[100]", "every head keeps the gist token and nothing else"
    outcome = gisteval("compress", "--model", tiny_suite / "gist-1", *prompts, "--json")
    assert [row["prompt"] for row in json.loads(outcome.out)] == ["say the first word", "no"]


def test_a_plain_model_keeps_everything(tiny_suite, tmp_path, gisteval) -> None:
    shutil.copytree(tiny_suite / "gist-1", tmp_path / "plain")
    (tmp_path / "plain" / "gist.json").unlink()
    row = accounting(gisteval, tmp_path / "plain")
    assert (row["compressor"], row["kept"]) == ("full", row["source_tokens"])
    assert accounting(gisteval, tmp_path / "plain", "--k", 2)["kept"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prompt", " "], "--prompt is empty"),
        (["--prompt", "x", "--budget", "0"], "budget must be at least 1, not 0"),
        (["--prompt", "x", "--compressor", "none", "--budget", "4"], "--budget 4 has nothing to work on"),
        (["--prompt", "x", "--k", "-1"], "k must be at least 1, not -1"),
        (["--prompt", "x", "--compressor", "gits"], "compressor 'gits' is unknown (did you mean 'gist'?)"),
        (["--prompt", "x", "--condition", "gits"], "condition 'gits' is unknown"),
        (["--prompt", "x", "--device", "gpu"], "device 'gpu' is not usable here"),
        (["--prompt", "maybe " * 400], "exceeds the context of 256"),
        ([], "there is no prompt: give --prompt TEXT or --token-ids FILE"),
        (["--prompt", "x", "--attention", "flash"], "attention 'flash' is unknown: choose sdpa or eager"),
    ],
)
def test_bad_input_is_one_line(tiny_suite, refused, arguments: list[str], message: str) -> None:
    assert message in refused("compress", "--model", tiny_suite / "gist-1", *arguments)


def test_a_missing_model_is_named(tmp_path, refused) -> None:
    assert "absent does not exist" in refused("compress", "--model", tmp_path / "absent", "--prompt", "x")


# Whole prompts as token ids, for a folder without tokenizer


@pytest.fixture(scope="module")
def bare_model(tmp_path_factory) -> Path:
    """A folder with the configuration and the weights of a tiny Llama, and nothing else."""
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=90,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
    )
    folder = tmp_path_factory.mktemp("bare")
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def ids_file(folder: Path, content: object) -> Path:
    file = folder / "ids.json"
    file.write_text(json.dumps(content))
    return file


def test_token_ids_need_no_tokenizer(bare_model, tmp_path, gisteval) -> None:
    ids = [(7 * place + 11) % 90 for place in range(40)]
    command = ("compress", "--model", bare_model, "--compressor", "knorm", "--budget", 9)
    outcome = gisteval(*command, "--token-ids", ids_file(tmp_path, ids), "--json")
    assert outcome.code == 0, outcome.err
    row = json.loads(outcome.out)
    assert (row["slots"], row["source_tokens"], row["template_tokens"]) == (9, 40, 0)
    assert row["bytes"] == 3 * 2 * 2 * 9 * 8 * 4, "layers, keys and values, heads, slots, size, float32"
    assert row["seconds"] > 0
    with torch.no_grad():
        cache = AutoModelForCausalLM.from_pretrained(bare_model)(torch.tensor([ids])).past_key_values
    kept_by = [0] * len(ids)
    for layer, states in zip(row["layers"], cache.layers, strict=True):
        scores = -states.keys[0].norm(dim=-1)
        best = scores.topk(9, dim=1).indices.sort(dim=1).values
        assert layer["indices"] == best.tolist()
        assert torch.allclose(torch.tensor(layer["scores"]), scores.gather(1, best), rtol=2e-5)
        for place in best.flatten().tolist():
            kept_by[place] += 1
    assert row["shares"] == pytest.approx([count / 6 for count in kept_by], rel=1e-5)
    outcome = gisteval(*command, "--token-ids", ids_file(tmp_path, [ids, ids[:20]]), "--json")
    assert [len(other["shares"]) for other in json.loads(outcome.out)] == [40, 20]


def test_a_terminal_shows_what_share_of_the_heads_keeps_a_token(bare_model, tmp_path, gisteval) -> None:
    command = ("compress", "--model", bare_model, "--compressor", "window", "--budget", 2)
    outcome = gisteval(*command, "--token-ids", ids_file(tmp_path, [4, 5, 6, 7]))
    assert "4 5 6[100] 7[100]\n[N]: N% of the 6 key-value heads of all layers" in outcome.out


@pytest.mark.parametrize("spec", ["knorm+adakv", "knorm+pyramid", "knorm+int4"])
def test_heads_of_different_lengths_and_packed_ones_say_what_they_keep(
    bare_model, tmp_path, gisteval, spec: str
) -> None:
    ids = [(7 * place + 11) % 90 for place in range(40)]
    command = ("compress", "--model", bare_model, "--compressor", spec, "--budget", 9)
    outcome = gisteval(*command, "--token-ids", ids_file(tmp_path, ids), "--json")
    assert outcome.code == 0, outcome.err
    row = json.loads(outcome.out)
    heads = [head for layer in row["layers"] for head in layer["indices"]]
    assert sum(map(len, heads)) == 6 * 9 and (len(set(map(len, heads))) == 1) == ("int4" in spec)
    assert all(head == sorted(set(head)) and head[0] >= 0 for head in heads)
    kept_by = [sum(place in head for head in heads) for place in range(40)]
    assert row["shares"] == pytest.approx([count / 6 for count in kept_by], rel=1e-5)


def test_other_compressors_say_which_tokens_stay(bare_model, tmp_path, gisteval) -> None:
    command = ("compress", "--model", bare_model, "--compressor", "truncate", "--budget", 3)
    outcome = gisteval(*command, "--token-ids", ids_file(tmp_path, [[4, 5, 6, 7]]), "--json")
    row = json.loads(outcome.out)
    assert (row["token_ids"], row["tokens"]) == ([4, 5, 6], ["4", "5", "6"])
    assert "layers" not in row


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        ("a text", [], "must hold a list of token ids"),
        ([1, -2], [], "must hold a list of token ids"),
        ([], [], "must hold a list of token ids"),
        ([[1, 2], 3], [], "must hold a list of token ids"),
        ([True], [], "must hold a list of token ids"),
        ([1, 90], [], "holds 90, but the model's embedding has 90 rows"),
        ([1, 2], ["--prompt", "x"], "--prompt and --token-ids both give prompts"),
        ([1, 2], ["--compressor", "gist"], "--token-ids are whole prompts"),
        ([1] * 200, [], "exceeds the context of 128"),
    ],
)
def test_token_ids_that_do_not_fit(bare_model, tmp_path, refused, content, more, message: str) -> None:
    file = ids_file(tmp_path, content)
    assert message in refused("compress", "--model", bare_model, "--token-ids", file, *more)


def test_a_prompt_in_words_needs_a_tokenizer(bare_model, tmp_path, refused) -> None:
    message = refused("compress", "--model", bare_model, "--prompt", "x")
    assert "has no tokenizer_config.json" in message
    absent = tmp_path / "absent.json"
    assert "absent.json" in refused("compress", "--model", bare_model, "--token-ids", absent)


SPECS = {"snapkv": "snapkv:window=16"}  # what the figures of kvpress were made with
KVPRESS = [
    *product(("sdpa", "eager"), ("knorm", "streaming", "keydiff", "tova", "expected", "snapkv")),
    ("eager", "observed"),
]


@pytest.mark.parametrize(("attention", "name"), KVPRESS)
def test_positions_and_scores_are_those_of_kvpress(
    shared_data, tmp_path, gisteval, attention: str, name: str
) -> None:
    folder = shared_data / "kvpress"
    golden = json.loads((folder / f"golden-{attention}.json").read_text())
    file = ids_file(tmp_path, golden["ids"])
    command = ("compress", "--model", folder, "--compressor", SPECS.get(name, name), "--token-ids", file)
    for ratio in ("0.5", "0.75"):
        expected = golden["presses"][f"{name}-{ratio}"]
        (slots,) = set(expected["kept"])
        outcome = gisteval(*command, "--budget", slots, "--attention", attention, "--json")
        assert outcome.code == 0, outcome.err
        row = json.loads(outcome.out)
        assert row["slots"] == slots
        layers = zip(row["layers"], expected["indices"], expected["scores"], strict=True)
        for layer, indices, scores in layers:
            kept = torch.tensor(layer["indices"])
            assert kept.tolist() == [sorted(head) for head in indices]
            known = torch.tensor(scores)
            found = torch.tensor(layer["scores"])
            gap = (found - known.gather(1, kept)).abs().max()
            assert float(gap) <= 2e-5 * float(known.abs().max())
