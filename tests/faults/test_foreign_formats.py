"""Files of every foreign format: read, or refused in one line, by the commands themselves.

CI takes the fixed corpus and a few seeded mutations; `make faults` takes many (FUZZED in the environment:
so many in all), and `make fuzz` lets coverage guide them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from called_commands import TooLateError
from campaign_time import Part
from foreign_formats import CORPUS, FORMATS, Workspace, corpus, input_of

SHARE = 0.15 / len(FORMATS)
"""Of the campaign's time, for each format; test_fuzzed takes the other fifth of the inputs."""

BROKEN = Path("build/fuzz")
"""Where an input is kept that broke a promise."""

TOTAL = int(os.environ.get("FUZZED", "50000"))
SHORT = 4
LONG = pytest.param(-(-TOTAL * 4 // 5 // len(FORMATS)), marks=pytest.mark.faults)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("formats") / "workspace")


@pytest.mark.parametrize("most", [SHORT, LONG])
@pytest.mark.parametrize("name", FORMATS)
def test_one_line_or_read(name: str, most: int, workspace: Workspace) -> None:
    kind = FORMATS[name]
    sample = workspace.sample(kind)
    sound = workspace.check(kind, sample)
    # The command on a recipe ends behind it, and a gate of so few examples is INCONCLUSIVE.
    assert sound in ((2,) if name == "recipe" else (0, 3))
    refused = sum(workspace.check(kind, file.read_bytes()) in (2, 4) for file in corpus(kind))
    part, failures = Part(name, most, SHARE, long=most > SHORT), []
    for number in part.cases():
        raw = input_of(kind, sample, number)
        try:
            part.ended(number, workspace.check(kind, raw))
        except (AssertionError, TooLateError) as error:
            part.broke(number)
            failures.append(f"{_kept(name, number, raw)}: {error}")
    print(f"\n{part}")
    assert not failures, "\n\n".join(failures)
    assert refused + part.ends["2"] + part.ends["4"] > 0


def _kept(name: str, number: int, raw: bytes) -> Path:
    """The file in which an input is kept."""
    BROKEN.mkdir(parents=True, exist_ok=True)
    file = BROKEN / f"{name}-input-{number}"
    file.write_bytes(raw)
    return file


def test_every_folder_of_the_corpus_is_a_format() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(FORMATS)
    assert all(file.stat().st_size < 20_000 for file in CORPUS.rglob("*") if file.is_file())


def test_the_same_seeds_are_the_same_inputs(workspace: Workspace, tmp_path: Path) -> None:
    for kind in FORMATS.values():
        sample = workspace.sample(kind)
        first, second = ([input_of(kind, sample, n) for n in range(4)] for _ in range(2))
        assert first == second
        assert len(set(first)) > 2
