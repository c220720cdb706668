"""`gisteval export-prompts`, and the way back through the compressor precomputed."""

from __future__ import annotations

import json

import pytest

from gisteval.config import RunConfig
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_tokens
from gisteval.pipeline.run.plan import plan_run
from gisteval.tasks import load_task


def rows_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_instruction_stands_once_for_each_budget(gisteval, tiny_suite):
    outcome = gisteval(
        *("export-prompts", "--split", "seen,human", "--limit", 6, "--budget", "50%,3"),
        *("--model", tiny_suite / "pos_control"),
    )
    assert outcome.code == 0, outcome.err
    rows = rows_of(outcome.out)
    task = load_task("wordplay")
    splits: dict[str, set[str]] = {}
    for split in ("seen", "human"):
        for example in task.examples(split, 6):
            splits.setdefault(example.instruction, set()).add(split)
    assert {row["instruction"]: set(row["splits"]) for row in rows} == splits
    assert len(rows) == 2 * len(splits) < 24
    tokens = load_tokens(inspect_checkpoint(tiny_suite / "pos_control"))
    for row in rows:
        with_template = len(tokens.prompts([row["instruction"]])[0])
        assert row["text"] == ""
        assert 0 < row["tokens"] < with_template
        assert row["keep"] == {"3": 3, "50%": (row["tokens"] + 1) // 2}[row["budget"]]


def test_a_file_that_may_be_filled_in_is_never_overwritten(gisteval, refused, tmp_path):
    path = tmp_path / "prompts.jsonl"
    command = ("export-prompts", "--split", "human", "--limit", 3, "--output", path)
    assert gisteval(*command).out == f"{path}: 2 rows\n", "two of the three share one"
    assert rows_of(path.read_text())[0].keys() == {"instruction", "text", "splits"}
    assert "is already there, maybe with texts filled in" in refused(*command)
    assert len(rows_of(gisteval(*command[:-2]).out)) == 2
    assert json.loads(gisteval(*command[:-2], "--json").out) == rows_of(path.read_text())


def test_it_writes_the_instructions_of_a_run_that_chooses_its_examples(gisteval, tiny_suite):
    asked = {"limit": 5, "choose": "random", "seed": 2}
    flags = [part for name, value in asked.items() for part in (f"--{name}", value)]
    rows = rows_of(gisteval("export-prompts", "--split", "seen", *flags).out)
    plan = plan_run(RunConfig(models=(str(tiny_suite / "gist-3"),), splits=("seen",), **asked))
    chosen = {example.instruction for example in plan.examples["seen"]}
    assert {row["instruction"] for row in rows} == chosen
    assert chosen != {example.instruction for example in load_task("wordplay").examples("seen", 5)}


def test_two_models_are_one_too_many(refused):
    assert "give one --model" in refused("export-prompts", "--model", "a", "--model", "b")


@pytest.fixture
def exported(gisteval, tmp_path):
    path = tmp_path / "prompts.jsonl"
    gisteval("export-prompts", "--split", "human", "--limit", 6, "--output", path)
    return path


def run(gisteval, suite, path, output, *more: object):
    return gisteval(
        *("run", "--model", suite / "pos_control", "--compressor", f"precomputed:file={path}", *more),
        *("--split", "human", "--limit", 6, "--max-new-tokens", 3, "--judge", "none", "--output", output),
    )


def test_filled_in_it_is_what_precomputed_reads(gisteval, tiny_suite, exported, tmp_path):
    empty = run(gisteval, tiny_suite, exported, tmp_path / "run")
    assert empty.code == 2
    assert "row 1: 'text' must be a text that is not empty" in empty.err
    rows = rows_of(exported.read_text())
    filled = tmp_path / "filled.jsonl"
    filled.write_text("\n".join(json.dumps({**row, "text": row["instruction"].split()[0]}) for row in rows))
    done = run(gisteval, tiny_suite, filled, tmp_path / "run")
    assert done.code == 0, done.err
    records = [
        json.loads(line)
        for shard in (tmp_path / "run" / "generations").glob("*.jsonl")
        for line in shard.read_text().splitlines()
    ]
    made = [record for record in records if record["compressor"].startswith("precomputed")]
    tokens = load_tokens(inspect_checkpoint(tiny_suite / "pos_control"))
    expected = {len(ids) for ids in tokens.prompts([row["instruction"].split()[0] for row in rows])}
    assert len(made) == 6
    assert {record["kept"] for record in made} == expected


def test_instructions_that_it_lacks_stop_the_run_before_anything_is_loaded(
    gisteval, tiny_suite, exported, tmp_path
):
    first, *_ = rows_of(exported.read_text())
    short = tmp_path / "short.jsonl"
    short.write_text(json.dumps({**first, "text": "say"}))
    (outcome, dry) = (
        run(gisteval, tiny_suite, short, tmp_path / "run", *more) for more in ((), ("--dry-run",))
    )
    for stopped in (outcome, dry):
        assert stopped.code == 2
        assert "lacks texts of " in stopped.err
        assert "such as" in stopped.err
    assert not (tmp_path / "run").exists()
