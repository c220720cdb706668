"""Savings in the paper's benchmark files: small ones, made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.pipeline.profile.released import released_profile
from gisteval.profiling.closed_form import forward
from gisteval.profiling.shapes import load_shape
from gisteval.records.shape_facts import ReleasedWay

HEADER = "id,model,num_prompt_tokens,num_input_tokens,effective_num_gist_tokens,flops,cuda_time\n"


def write(file: Path, cached: int | None, milliseconds: float) -> Path:
    """Six examples of 40 tokens, 10 of them the input, that take 10 ms in a row and some behind a cache.

    cached: slots; None for the whole prompt, whose length differs from row to row.
    """
    lines = []
    for number in range(6):
        prompt = 40 + number
        slots = prompt - 10 if cached is None else cached
        lines.append(f"{number},standard,{prompt},10,{slots},1000,{10_000 + number}")
        lines.append(f"{number},gist,{prompt},10,{slots},250,{1000 * milliseconds + number}")
    file.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def ways(tmp_path: Path) -> dict[str, ReleasedWay]:
    """The serving modes of two files, one of a gist and one of the whole prompt."""
    files = [
        write(tmp_path / "llama-7b-benchmarking-prompt-human.csv", None, 8.0),
        write(tmp_path / "llama-7b-benchmarking-human.csv", 1, 4.0),
    ]
    found = released_profile(files)
    assert [file.rows for file in found.files] == [6] * 4
    return {way.way: way for way in found.ways}


def test_each_mode_saves_its_share_of_each_baseline(ways: dict[str, ReleasedWay]) -> None:
    assert list(ways) == ["no cache", "whole-prompt cache", "gist-1", "negative control"]
    saved = {(s.baseline, s.unit): s for s in ways["gist-1"].saved}
    assert saved["no cache", "flops"].value == 75.0
    assert saved["whole-prompt cache", "flops"].value == 0.0
    assert saved["no cache", "seconds"].value == pytest.approx(60.0, abs=0.05)
    assert saved["whole-prompt cache", "seconds"].value == pytest.approx(50.0, abs=0.05)
    assert ways["no cache"].saved == ()
    times = ways["no cache"].milliseconds
    assert times is not None and times.value == pytest.approx(10.0025)
    # A key and a value of 32 layers and 4,096 numbers of four bytes for each slot.
    assert ways["gist-1"].stored_bytes == 2 * 32 * 4096 * 4
    assert ways["whole-prompt cache"].cached_slots == 32.5


def test_the_negative_control_was_not_timed_and_costs_its_input_alone(ways: dict[str, ReleasedWay]) -> None:
    negative = ways["negative control"]
    shape = load_shape("llama-7b").closed
    assert shape is not None
    assert negative.milliseconds is None and negative.flops == forward(shape, 10, 0).total
    assert {saving.unit for saving in negative.saved} == {"flops"}
    assert all(saving.p_value is None for saving in negative.saved)


def test_p_values_are_corrected_for_their_number(ways: dict[str, ReleasedWay]) -> None:
    """All six signs agree: 2 of 2 ** 6 permutations. Holm takes the smallest of three times 3."""
    found = [s.p_value for way in ways.values() for s in way.saved if s.p_value is not None]
    assert len(found) == 3
    assert found == pytest.approx([3 * 2 / 2**6] * 3)
