"""A run goes to a hub and comes back as the same run; the card says its scores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from finished_runs import EXAMPLES, finished_run
from hub_server import hub_server
from huggingface_hub.repocard_data import model_index_to_eval_results

from gisteval.errors import GistevalError
from gisteval.integrations.hub import dataset_card, pull_run
from gisteval.records.run_folder import RunFolder

RIGHT = {"m-gist-1": 1, "m-gist-4": 3}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return finished_run(tmp_path / "run", RIGHT)


def command(address: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A command of its own: huggingface_hub reads the address of the hub when it is imported."""
    settings = {
        "HF_ENDPOINT": address,
        "HF_TOKEN": "hf_none",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }
    words = [sys.executable, "-m", "gisteval", "hub", *map(str, arguments)]
    return subprocess.run(words, env={**os.environ, **settings}, capture_output=True, text=True)


def test_a_run_comes_back_as_it_was_pushed(run, tmp_path) -> None:
    (run.path / "log.txt").write_text("/a/path/of/this/machine")
    with hub_server() as (address, kept):
        pushed = command(address, "push", run.path, "me/mine")
        assert pushed.returncode == 0, pushed.stderr
        assert pushed.stdout.startswith(f"{address}/datasets/me/mine/commit/")
        assert kept.created[0]["visibility"] == "private" and kept.created[0]["type"] == "dataset"
        assert "README.md" in kept.files and "log.txt" not in kept.files
        pulled = command(address, "pull", "me/mine", "--output", tmp_path / "back")
        assert pulled.returncode == 0, pulled.stderr
        again = command(address, "pull", "me/mine", "--output", tmp_path / "back")
        assert again.returncode == 2 and "holds a run already" in again.stderr
    back = RunFolder.open(tmp_path / "back")
    assert back.results() == run.results()
    assert [back.read_outputs(name, "s") for name in RIGHT] == [
        run.read_outputs(name, "s") for name in RIGHT
    ]


def test_a_hub_that_refuses_is_one_line(run, tmp_path) -> None:
    with hub_server() as (address, _):
        pass  # nobody answers there any more
    done = command(address, "push", run.path, "me/mine")
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "me/mine: the hub did not take the run" in done.stderr


def test_the_hubs_own_reader_finds_the_scores_in_the_card(run) -> None:
    card = dataset_card(run)
    front = yaml.safe_load(card.split("---\n")[1])
    for entry, (system, count) in zip(front["model-index"], RIGHT.items(), strict=True):
        name, results = model_index_to_eval_results([entry])
        exact = [result.metric_value for result in results if result.metric_type == "exact_match"]
        assert name == system and exact == [100 * count / EXAMPLES]
    assert "m-gist-4" in card.split("---\n")[2]


def test_a_folder_with_a_run_is_not_overwritten(run) -> None:
    with pytest.raises(GistevalError, match="choose another folder"):
        pull_run("me/mine", run.path)
