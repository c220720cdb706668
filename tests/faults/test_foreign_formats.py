"""Files of every foreign format: read, or refused in one line, by the commands themselves.

CI takes the fixed corpus and a few seeded mutations; `make faults` takes many (FUZZED in the environment:
so many in all), and `make fuzz` lets coverage guide them.
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from campaign_time import within
from foreign_formats import CORPUS, FORMATS, Workspace, corpus, inputs

SHARE = 0.15 / len(FORMATS)
"""Of the campaign's time, for each format; test_fuzzed takes the other fifth of the inputs."""

TOTAL = int(os.environ.get("FUZZED", "50000"))
LONG = pytest.param(-(-TOTAL * 4 // 5 // len(FORMATS)), marks=pytest.mark.faults)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("formats") / "workspace")


@pytest.mark.parametrize("most", [4, LONG])
@pytest.mark.parametrize("name", FORMATS)
def test_one_line_or_read(name: str, most: int, workspace: Workspace) -> None:
    kind = FORMATS[name]
    sample = workspace.sample(kind)
    sound = workspace.check(kind, sample)
    # The command on a recipe ends behind it, and a gate of so few examples is INCONCLUSIVE.
    assert sound in ((2,) if name == "recipe" else (0, 3))
    ends: Counter[int] = Counter()
    for file in corpus(kind):
        ends[workspace.check(kind, file.read_bytes())] += 1
    left = within(SHARE)
    for raw in islice(inputs(kind, sample), most):
        if not left():
            break
        ends[workspace.check(kind, raw)] += 1
    codes = ", ".join(f"{count} with {code}" for code, count in sorted(ends.items()))
    print(f"\n{name}: {ends.total()} inputs, which ended {codes}")
    assert ends[2] + ends[4] > 0


def test_every_folder_of_the_corpus_is_a_format() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(FORMATS)
    assert all(file.stat().st_size < 20_000 for file in CORPUS.rglob("*") if file.is_file())


def test_the_same_seeds_are_the_same_inputs(workspace: Workspace, tmp_path: Path) -> None:
    for kind in FORMATS.values():
        sample = workspace.sample(kind)
        first, second = (list(islice(inputs(kind, sample), 4)) for _ in range(2))
        assert first == second
        assert len(set(first)) > 2
