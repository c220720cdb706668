"""`run` with compressors: a system for each compressor and budget, on the weights that each reads."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

GRID = ("--compressor", "knorm", "--compressor", "random:seed=1", "--budget", "2,50%")
SYSTEMS = [
    *("tiny-pos_control-1", "tiny-pos_control-1-knorm-2", "tiny-pos_control-1-knorm-50%"),
    *("tiny-pos_control-1-random:seed=1-2", "tiny-pos_control-1-random:seed=1-50%", "tiny-neg_control-1"),
]


@pytest.fixture(scope="module")
def grid_run(tiny_suite: Path, tiny_task: Path, tmp_path_factory) -> Path:
    """A finished run of two compressors and two budgets on a positive control."""
    import gisteval

    folder = tmp_path_factory.mktemp("grid") / "run"
    gisteval.run(
        tiny_suite / "pos_control",
        task=str(tiny_task),
        compressor=["knorm", "random:seed=1"],
        budget="2,50%",
        limit=4,
        output=folder,
    )
    return folder


def test_each_compressor_and_budget_is_a_system_beside_the_controls(grid_run: Path, results) -> None:
    manifest = json.loads((grid_run / "manifest.json").read_text())
    assert [system["name"] for system in manifest["systems"]] == SYSTEMS
    assert [(s["compressor"], s["budget"]) for s in manifest["systems"]] == [
        *(("full", None), ("knorm", "2"), ("knorm", "50%")),
        *(("random:seed=1", "2"), ("random:seed=1", "50%"), ("empty", None)),
    ]
    assert set(manifest["self_check"]) == set(SYSTEMS)
    rows = results(grid_run)["rows"]
    kept = {row["system"]: row["value"] for row in rows if row["metric"] == "kept"}
    assert kept[SYSTEMS[1]] == kept[SYSTEMS[3]] == 2
    assert 2 < kept[SYSTEMS[2]] == kept[SYSTEMS[4]]
    references = {row["system"]: row["reference"] for row in rows if row["metric"] == "nll"}
    assert {references[system] for system in SYSTEMS[1:5]} == {"tiny-pos_control-1"}


def test_a_finished_grid_is_resumed_whatever_the_spec_is_written_like(
    grid_run: Path, tiny_suite: Path, tiny_task: Path, gisteval
) -> None:
    before = {file.name: file.read_bytes() for file in (grid_run / "generations").iterdir()}
    common = ("--task", tiny_task, "--limit", 4, "--output", grid_run)
    budgets = ("--budget", "2", "--budget", "50.0%")
    written = ("--compressor", "knorm", "--compressor", "random: seed = 1", *budgets)
    outcome = gisteval("run", "--model", tiny_suite / "pos_control", *common, *written)
    assert outcome.code == 0, outcome.err
    assert {file.name: file.read_bytes() for file in (grid_run / "generations").iterdir()} == before


def test_a_setting_is_a_part_of_the_key(tiny_suite: Path, tiny_task: Path) -> None:
    from gisteval.config_file import read_config
    from gisteval.pipeline.run.plan import plan_run

    def prefixes(*specs: str) -> list[str]:
        flags = {"model": tiny_suite / "pos_control", "task": str(tiny_task), "compressor": list(specs)}
        plan = plan_run(read_config(None, flags))
        return [plan.identities[s.name].prefix() for s in plan.systems if s.role == "candidate"]

    default, seeded = prefixes("random", "random:seed=1")
    assert default != seeded
    assert prefixes("random:seed=0") == [default]


def test_a_plain_model_reads_its_own_weights(
    write_suite, tiny_task: Path, tmp_path: Path, gisteval, results
) -> None:
    """A Qwen2 without a gist.json, and a task in a YAML file."""
    plain = tmp_path / "qwen"
    shutil.copytree(write_suite("qwen2") / "pos_control", plain)
    (plain / "gist.json").unlink()
    shutil.copytree(tiny_task, tmp_path / "mine")
    task = (tmp_path / "mine" / "task.yaml").rename(tmp_path / "mine" / "my.yaml")
    asked = ("--task", task, "--compressor", "stride", "--budget", 8, "--limit", 4)
    outcome = gisteval("run", "--model", plain, *asked, "--output", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    rows = [row for row in results(tmp_path / "run")["rows"] if row["metric"] == "kept"]
    assert [(row["system"], row["control"]) for row in rows] == [
        ("qwen-pos_control-untrained", "untrained"),
        ("qwen-stride-8", None),
        ("qwen-neg_control-untrained", "untrained"),
    ]
    assert rows[1]["value"] == 8
    assert rows[1]["condition"] is None


def test_a_dry_run_counts_every_system_of_the_grid(tiny_suite: Path, tiny_task: Path, gisteval) -> None:
    rates = ("--dry-run", "--flops-per-second", "1e9", "--json")
    outcome = gisteval("run", "--model", tiny_suite, "--task", tiny_task, "--limit", 4, *GRID, *rates)
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert [item["system"] for item in found["estimates"]] == SYSTEMS
    assert found["generations"] == 4 * len(SYSTEMS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--compressor", "knorm:seed=1"), "compressor knorm has no setting 'seed': it has none"),
        (("--compressor", "random:sed=1"), "compressor random has no setting 'sed' (did you mean 'seed'?)"),
        (("--compressor", "knorm", "--budget", "0"), "budget must be at least 1, not 0"),
        (("--compressor", "knorm", "--budget", "120%"), "a share above 0% and at most 100%, not 120%"),
        (("--compressor", "gist"), "is a positive control, trained to read whole prompts"),
    ],
)
def test_what_can_not_be_is_one_line(tiny_suite: Path, tiny_task: Path, refused, arguments, said) -> None:
    assert said in refused("run", "--model", tiny_suite / "pos_control", "--task", tiny_task, *arguments)


def test_evictors_are_refused_on_an_encoder_decoder(t5_suite: Path, tiny_task: Path, refused) -> None:
    line = refused("run", "--model", t5_suite, "--task", tiny_task, "--compressor", "knorm")
    assert "compressor knorm can't serve" in line
    assert "encoder-decoder" in line


def test_a_job_travels_to_a_worker_as_text(tiny_suite: Path) -> None:
    from gisteval.executors.work import Job
    from gisteval.records.budget import Budget
    from gisteval.suite import SuiteOptions, build_suite

    asked = SuiteOptions(compressors=("random:seed=1",), budgets=(Budget(share=0.5),))
    job = Job(build_suite(tiny_suite, asked).systems[1], "prefix")
    there = pickle.loads(pickle.dumps(job))
    assert (there, there.compressor()) == (job, job.compressor())
    assert there.system.compressor == "random:seed=1"
