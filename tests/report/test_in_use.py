"""What a prompt takes while it is used, from the records of a run, against what its model holds."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest
import torch

from gisteval.compressors.spec import build_compressor
from gisteval.models.running.compressed import Accounting, Prefix, buffer_ratio
from gisteval.profiling.closed_form import filling, forward
from gisteval.profiling.shapes import load_shape
from gisteval.records.budget import Budget
from gisteval.records.run_folder import RunFolder
from gisteval.report.data import read_runs
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.frontier import (
    RECOMPUTED,
    RESIDENT,
    STORED,
    frontier_points,
    frontier_tables,
    known_costs,
)
from gisteval.report.samples import collect_samples
from gisteval.report.values import values_of

SPECS = ["keydiff", "keydiff+int4", "keydiff+adakv:safeguard=0.0", "truncate"]


@pytest.fixture(scope="module")
def folder(tiny_suite: Path, tiny_task: Path, tmp_path_factory) -> RunFolder:
    """A run of plain, packed and ragged states and of tokens, on the examples of its self-check."""
    import gisteval

    output = tmp_path_factory.mktemp("in-use") / "run"
    model = tiny_suite / "pos_control"
    options = {"task": str(tiny_task), "limit": 8, "judge": "none", "output": output}
    gisteval.run(model, compressor=SPECS, budget="50%", **options)
    return RunFolder.open(output)


@pytest.fixture(scope="module")
def points(folder: RunFolder):
    found = frontier_points(read_runs([folder]), "rougeL")
    return dict(zip(SPECS, found, strict=True))


def kept(folder: RunFolder, spec: str) -> list[int]:
    name = f"tiny-pos_control-1-{spec}-50%"
    return [record.kept for record in folder.read_generations(name, "test")]


def test_plain_states_take_in_use_what_they_take_stored(points) -> None:
    assert points["keydiff"].resident == points["keydiff"].stored > 0
    assert points["keydiff"].recomputed == 0


def test_packed_states_are_unpacked_in_use(points) -> None:
    assert points["keydiff+int4"].stored < points["keydiff"].stored
    assert points["keydiff+int4"].resident == points["keydiff"].resident


def test_ragged_heads_lie_in_the_widest_ones_buffers(points, folder, tiny_suite, tiny_task) -> None:
    from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
    from gisteval.models.checkpoints.loading import load_model

    lines = (tiny_task / "test.jsonl").read_text().splitlines()[:8]
    texts = [json.loads(line)["instruction"] for line in lines]
    checkpoint = inspect_checkpoint(tiny_suite / "pos_control")
    model = load_model(checkpoint, torch.device("cpu"), torch.float32)
    prefixes = build_compressor(SPECS[2]).compress(model, texts, Budget(share=0.5))
    held = fmean(sum(state.nbytes for pair in prefix.layers for state in pair) for prefix in prefixes)
    assert points[SPECS[2]].stored == pytest.approx(points["keydiff"].stored)
    assert points[SPECS[2]].resident == pytest.approx(held, rel=0.03), "kept slots are rounded means"
    assert held > 1.1 * points["keydiff"].resident


def test_tokens_run_again_at_each_use(points, folder, tiny_suite) -> None:
    shape = load_shape(str(tiny_suite / "pos_control")).closed
    tokens = kept(folder, "truncate")
    passes = fmean(forward(shape, count, 0, logits=0).total for count in tokens)
    assert points["truncate"].recomputed == pytest.approx(passes)
    slot = points["keydiff"].stored / fmean(kept(folder, "keydiff"))
    assert points["truncate"].resident == pytest.approx(slot * fmean(tokens))
    assert points["truncate"].resident > points["truncate"].stored


def test_the_table_has_the_costs_that_tell_more_than_the_stored_bytes(points, folder) -> None:
    assert known_costs([points["keydiff"]]) == [STORED]
    assert known_costs([points["keydiff"], points[SPECS[2]]]) == [STORED, RESIDENT]
    assert known_costs(list(points.values())) == [STORED, RESIDENT, RECOMPUTED]
    data = read_runs([folder])
    table = frontier_tables(data, values_of(collect_samples(data)))[0]
    assert table.columns[2:5] == ("stored", "in use", "FLOPs again")
    cells = {
        row[1].removeprefix("tiny-pos_control-1-").removesuffix("-50%"): row[2:5] for row in table.rows
    }
    for spec, point in points.items():
        assert cells[spec] == tuple(cost.text(cost.of(point)) for cost in (STORED, RESIDENT, RECOMPUTED))


def test_each_cost_has_a_figure(points, folder, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    from gisteval.report.figures.drawn import _frontiers

    names = [name for name, _, _ in _frontiers(read_runs([folder]), FigureFolder(tmp_path))]
    group = "rougeL-tiny-pos_control-1"
    expected = [f"frontier-{group}", f"frontier-resident-{group}", f"frontier-recomputed-{group}"]
    assert [name for name in names if "rougeL" in name] == expected
    svg = (tmp_path / f"{expected[2]}.svg").read_text(encoding="utf-8")
    assert f"<!-- {RECOMPUTED.axis} -->" in svg and "<!-- truncate -->" in svg


def test_the_coefficients_are_those_of_a_pass() -> None:
    shape = load_shape("llama-7b").closed
    constant, line, square = filling(shape)
    for tokens in (1, 26, 2000):
        assert constant + line * tokens + square * tokens**2 == forward(shape, tokens, 0, logits=0).total


def test_an_empty_slot_of_a_buffer_is_no_kept_slot() -> None:
    def prefix(*heads: list[int]) -> Prefix:
        return Prefix((), 4, Accounting(4, 0, 0, 0), (torch.tensor(heads),))

    assert buffer_ratio([prefix([0, 1], [-1, 3])]) == pytest.approx(4 / 3)
    assert buffer_ratio([prefix([0, 1], [2, 3])]) is None
    assert buffer_ratio([]) is None
