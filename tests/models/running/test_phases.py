"""Parts of compressing are timed where they happen, and what is left is the pass."""

from __future__ import annotations

import time

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.spec import build_compressor
from gisteval.models.running.phases import phase, watched, with_pass
from gisteval.records.budget import Budget

CPU = torch.device("cpu")
TEXT = random_examples(count=3)[2].instruction
TWO = Budget(slots=2)
SHORT = "soft:steps=4,rows=2,tokens=6"


@pytest.fixture(scope="module")
def model():
    return random_model("llama", gain=3.0, k=0)


def test_the_parts_of_compressing_are_timed_where_they_happen(model) -> None:
    for spec, parts in ((SHORT, {"scoring", "selection", "learning"}), ("knorm", {"scoring", "selection"})):
        with watched() as seconds:
            build_compressor(spec).compress(model, [TEXT], TWO)
        assert set(seconds) == parts and min(seconds.values()) > 0
        found = with_pass(seconds, 100.0)
        assert sum(found.values()) == pytest.approx(100.0) and set(found) == {"pass", *parts}
    build_compressor("knorm").compress(model, [TEXT], TWO)
    assert set(seconds) == parts  # nobody watches any more


def test_a_part_within_another_counts_with_the_outer_one_alone() -> None:
    with watched() as seconds:
        with phase("scoring", CPU):
            time.sleep(0.002)
            with phase("selection", CPU):
                time.sleep(0.02)
        with pytest.raises(ValueError, match="fails"), phase("learning", CPU):
            raise ValueError("fails")
        with phase("scoring", CPU):
            time.sleep(0.002)
    assert set(seconds) == {"scoring", "learning"} and seconds["scoring"] >= 0.024
    assert with_pass(seconds, 0.001)["pass"] == 0.0  # two clocks may differ by a little
