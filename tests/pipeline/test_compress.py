"""`gisteval compress`: one instruction in, its accounting out."""

from __future__ import annotations

import json
import shutil

import pytest


def accounting(gisteval, model, *arguments: object) -> dict[str, object]:
    outcome = gisteval("compress", "--model", model, "--prompt", "say the first word", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    (row,) = json.loads(outcome.out)
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
    first, second = outcome.out.splitlines()
    assert "-> 1 slot and 0 of template, " in first and first.endswith("(gist): say the first word")
    assert second.endswith("(gist): no")


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
        ([], "Missing option '--prompt'"),
    ],
)
def test_bad_input_is_one_line(tiny_suite, refused, arguments: list[str], message: str) -> None:
    assert message in refused("compress", "--model", tiny_suite / "gist-1", *arguments)


def test_a_missing_model_is_named(tmp_path, refused) -> None:
    assert "absent does not exist" in refused("compress", "--model", tmp_path / "absent", "--prompt", "x")
