"""A release as a whole: what lies in a folder is read or named, whatever else lies there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.importer.release import read_release, split_order

ROWS = [("Instruction: say cats <GIST>  Output: yes", "yes", "yes"),
        ("Instruction: say dogs <GIST>  Output: no", "yes", "no")]  # fmt: skip
PROMPTS = ["Instruction: say cats", "Instruction: say dogs"]


def write_outputs(root: Path, system: str, split: str = "seen", steps: int = 3000, rows=ROWS) -> Path:
    file = root / "model_outputs" / system / f"outputs-{steps}-validation_{split}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("x", "y_pred", "y_true"), *rows])
    return file


def write_verdicts(root: Path, system: str, prompts=PROMPTS, outputs=("yes", "yes")) -> Path:
    reference = "LLaMA-pos_control-1"
    results = [
        {"reason": "", "choice": "tie", "swapped": False, "x": prompt, system: output, reference: output}
        for prompt, output in zip(prompts, outputs, strict=True)
    ]
    content = {
        "names": {"a": system, "b": reference},
        "scores": {},
        "results": results,
        "estimated_cost": 0,
    }
    file = root / "chatgpt" / f"chatgpt-{system}-vs-{reference}-validation_seen-3000.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def test_verdicts_find_the_examples_that_they_are_on(tmp_path: Path) -> None:
    for system in ("LLaMA-neg_control-1", "LLaMA-gist-2", "LLaMA-pos_control-1", "LLaMA-gist-1"):
        write_outputs(tmp_path, system)
    file = write_verdicts(tmp_path, "LLaMA-gist-1", PROMPTS[::-1])
    found = read_release(tmp_path, "alpaca_plus")
    names = ["LLaMA-pos_control-1", "LLaMA-gist-1", "LLaMA-gist-2", "LLaMA-neg_control-1"]
    assert [system.name for system in found.systems] == names == [o.system.name for o in found.outputs]
    examples = found.examples["LLaMA", "seen"]
    assert [(e.instruction, e.output) for e in examples] == [("say cats", "yes"), ("say dogs", "no")]
    assert [v.pair for v in found.verdicts[file]] == [e.content_id for e in reversed(examples)]
    assert found.problems == []


def test_what_can_not_be_read_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    older = write_outputs(tmp_path, "LLaMA-gist-1", steps=1000)
    write_outputs(tmp_path, "LLaMA-gist-1", steps=3000)
    damaged = write_outputs(tmp_path, "LLaMA-gist-2")
    damaged.write_bytes(b"x,y_pred,y_true\n\xff\xfe,a,b\n")
    (tmp_path / "rouge.csv").write_text("model,split\nLLaMA,seen\n")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("hidden")
    found = read_release(tmp_path, "alpaca_plus")
    assert [part.provenance for part in found.outputs] == ["LLaMA-gist-1/outputs-3000-validation_seen.csv"]
    said = sorted(found.problems)
    assert len(said) == 4 and all("\n" not in line and line.endswith("left out.") for line in said)
    for part in (
        f"{older} is of fewer training steps",
        str(damaged),
        "rouge.csv is damaged: it needs model",
    ):
        assert any(part in line for line in said)
    assert any("notes.txt is not a file of the paper's release" in line for line in said)


def test_verdicts_that_nobody_can_place_are_left_out(tmp_path: Path) -> None:
    write_outputs(tmp_path, "LLaMA-gist-1")
    write_outputs(tmp_path, "LLaMA-pos_control-1")
    file = write_verdicts(tmp_path, "LLaMA-gist-1", [PROMPTS[0], "Instruction: say birds"])
    found = read_release(tmp_path, "alpaca_plus")
    assert len(found.verdicts[file]) == 1
    assert "1 of 2 verdicts are on prompts that no output file holds" in found.problems[0]


def test_verdicts_alone_show_what_was_asked(tmp_path: Path) -> None:
    file = write_verdicts(tmp_path, "LLaMA-gist-1")
    (tmp_path / "rouge.csv").write_text(
        "model,condition,num_gist_tokens,split,value\nLLaMA,gist,1,seen,57.5\n"
    )
    found = read_release(tmp_path, "alpaca_plus")
    assert found.outputs == [] and len(found.verdicts[file]) == 2
    assert [e.instruction for e in found.examples["LLaMA", "seen"]] == ["say cats", "say dogs"]
    (saved,) = found.saved_rouge
    assert (saved.system, saved.split, saved.value) == ("LLaMA-gist-1", "seen", 57.5)


def test_a_folder_of_something_else_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(GistevalError, match=r"no file of the paper's release that can be read \(.*notes"):
        read_release(tmp_path, "alpaca_plus")
    with pytest.raises(GistevalError, match="is not a folder: give the one with model_outputs"):
        read_release(tmp_path / "none", "alpaca_plus")
    assert sorted(["zoo", "human", "extra", "seen", "unseen"], key=split_order) == [
        *("seen", "unseen", "human"),
        *("extra", "zoo"),
    ]
