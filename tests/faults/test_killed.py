"""kill -9 at random points of every command that writes: the same command again ends as if unhurt.

CI takes a few kills of each; `make faults` takes a thousand in all (KILLS in the environment: another
number; MINUTES: of the whole campaign).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from campaign_time import within
from forked_commands import measured

Prepare = Callable[[Path], list[object]]
"""Makes what a command needs in a folder, its files below folder/out, and gives its arguments."""

COMMANDS = 8
LONG = pytest.param(-(-int(os.environ.get("KILLS", "1000")) // COMMANDS), marks=pytest.mark.faults)
KILLS = pytest.mark.parametrize("kills", [2, LONG])
SEED = 20_230_417
SHARE = 0.45 / COMMANDS
"""Of the campaign's time, for each command."""

EXAMPLES = [(f"say {'cats ' * (n % 5)}{n}", "dogs" * (n % 3), f"yes {n}") for n in range(12)]


def records(folder: Path) -> int:
    files = [file for file in folder.rglob("*.jsonl") if file.parent.name in ("generations", "verdicts")]
    return sum(file.read_bytes().count(b"\n") for file in files)


@pytest.fixture
def campaign(tmp_path: Path, state) -> Callable[[str, int, Prepare], None]:
    """Kill a command so often, go on with the same command each time, and compare."""

    def run(name: str, kills: int, prepare: Prepare) -> None:
        folder = tmp_path / "trial"
        out = folder / "out"
        prepare(folder)
        before = records(out) if out.exists() else 0
        victim = measured(prepare(folder), folder)
        whole = state(out)
        assert whole
        draw, left = Random(f"{SEED} {name}"), within(SHARE)
        found, ended = [], 0
        while len(found) < kills and (left() or len(found) < 2) and ended <= 2 * kills:
            prepare(folder)
            point = victim.point(draw)
            first = victim.run(point)
            if first.code == 0:
                ended += 1
            else:
                assert first.code == -9, (point, first)
                found.append((records(out) if out.exists() else 0) - before)
            again = victim.run()
            # A training that was killed once all was done is refused, and nothing is left to do.
            assert again.code == 0 or "already holds a checkpoint" in again.err, (point, again.err)
            after = state(out)
            assert after == whole, (
                point,
                [part for part in whole | after if whole.get(part) != after.get(part)],
            )
        print(
            f"\n{name}: killed {len(found)} of {kills} times, with {min(found)} to {max(found)} records "
            f"written ({ended} times it had ended before); {victim.steps} steps, {victim.seconds:.2f} s of "
            "processor time unhurt"
        )
        assert found

    return run


def fresh(folder: Path, template: Path | None = None) -> Path:
    """folder/out, new, or as a template."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    if template is not None:
        shutil.copytree(template, out)
    return out


@KILLS
def test_run(kills: int, tiny_suite, write_task, tmp_path: Path, campaign) -> None:
    task = write_task(tmp_path / "task", EXAMPLES)

    def prepare(folder: Path) -> list[object]:
        command = ["run", "--model", tiny_suite / "gist-3", "--task", task, "--batch-size", 4]
        return [*command, "--output", fresh(folder)]

    campaign("run", kills, prepare)


@KILLS
def test_judge(kills: int, make_run, campaign) -> None:
    texts = {name: [f"{name[: n % 4]} {n}" for n in range(90)] for name in ("pos", "gist-1", "other")}
    template = make_run(texts, "template")
    campaign("judge", kills, lambda folder: ["judge", fresh(folder, template)])


def predictions(folder: Path) -> list[object]:
    """Files of three systems, as arguments of an import."""
    files = []
    for name in ("LLaMA-pos_control-1", "LLaMA-gist-1", "LLaMA-neg_control-1"):
        files.append(folder / f"{name}.jsonl")
        rows = (
            {"instruction": f"say {n}", "y_pred": f"{name[6:9]} {n}", "y_true": f"{n}"} for n in range(80)
        )
        files[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["import", files[1], "--pos-control", files[0], "--neg-control", files[2]]


@KILLS
def test_import(kills: int, tmp_path: Path, campaign) -> None:
    command = predictions(tmp_path)
    campaign("import", kills, lambda folder: [*command, "--output", fresh(folder)])


@pytest.fixture
def imported(tmp_path: Path, gisteval) -> Path:
    """A finished import. Don't change it."""
    assert gisteval(*predictions(tmp_path), "--output", tmp_path / "imported").code == 0
    return tmp_path / "imported"


@KILLS
def test_report(kills: int, imported: Path, campaign) -> None:
    campaign("report", kills, lambda folder: ["report", imported, "--output", fresh(folder)])


@KILLS
def test_gate(kills: int, imported: Path, campaign) -> None:
    """It writes one file, which is whole or not there."""
    command = ["gate", imported, "--baseline", imported, "--system", "LLaMA-gist-1", "--metric", "rougeL"]
    campaign("gate", kills, lambda folder: [*command, "--junit", fresh(folder) / "junit.xml"])


@KILLS
def test_sweep(kills: int, tiny_suite, write_task, tmp_path: Path, campaign) -> None:
    task = write_task(tmp_path / "task", EXAMPLES[:6])
    file = tmp_path / "sweep.yaml"
    file.write_text(
        f"common: {{task: {task}, judge: reference}}\n"
        f"grid: {{models: [[{tiny_suite / 'gist-1'}], [{tiny_suite / 'gist-3'}]]}}\n"
    )
    campaign("sweep", kills, lambda folder: ["sweep", file, "--output", fresh(folder)])


@KILLS
def test_train(kills: int, write_task, tmp_path: Path, campaign) -> None:
    task = write_task(tmp_path / "task", EXAMPLES, "train")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"{{task: {task}, family: tiny, condition: gist, k: 2, steps: 6, rows_per_step: 3, pack: 2, "
        "learning_rate: 0.02, warmup: 0, log_every: 1, save_every: 2, scratch: {vocab_size: 300, "
        "hidden_size: 32, intermediate_size: 64, layers: 2, heads: 2}}\n"
    )
    campaign("train", kills, lambda folder: ["train", recipe, "--output", fresh(folder)])


@KILLS
def test_a_paid_judge(kills: int, make_run, chat_server, tmp_path: Path, campaign) -> None:
    """What was answered and written is never asked again."""
    texts = {name: [f"{name[: n % 4]} {n}" for n in range(40)] for name in ("pos", "gist-1")}
    template = make_run(texts, "template")

    def positive_wins(number: int, body: dict) -> str:
        first = body["messages"][1]["content"].split("<answer-A")[1].split("</answer-A")[0]
        return json.dumps({"choice": "A" if "p" in first else "B"})

    chat_server.answer = positive_wins
    cache = tmp_path / "cache"

    def prepare(folder: Path) -> list[object]:
        shutil.rmtree(cache, ignore_errors=True)  # replies of one trial are no help to another
        chat = ["judge", "--judge", "openai", "--base-url", chat_server.url, "--concurrency", 2]
        return [*chat, "--cache", cache / "replies.sqlite", fresh(folder, template)]

    campaign("paid judge", kills, prepare)
