"""The bundled encoder-decoder suite: real T5 checkpoints, a part of each split."""

from __future__ import annotations

import pytest

import gisteval
from gisteval.content import find_content
from gisteval.pipeline.finished import Run

LIMIT = 120
GIST, POSITIVE, NEGATIVE = (f"wordplay-t5-{name}" for name in ("gist-1", "pos_control-1", "neg_control-1"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    model = find_content("checkpoints") / "wordplay-t5" / "gist-1"
    output = tmp_path_factory.mktemp("demo") / "run"
    return gisteval.run(model=str(model), limit=LIMIT, judge="none", output=str(output))


@pytest.mark.parametrize("split", ["seen", "unseen", "human"])
@pytest.mark.parametrize("metric", ["rougeL", "exact_match"])
def test_gist_and_positive_control_lie_above_the_negative_control(
    demo: Run, split: str, metric: str
) -> None:
    rows = {row.system: row for row in demo.rows if (row.split, row.metric) == (split, metric)}
    negative = rows[NEGATIVE].ci_high
    assert negative is not None
    for system in (GIST, POSITIVE):
        lowest = rows[system].ci_low
        assert lowest is not None and lowest > negative


def test_cached_and_masked_paths_agree_on_the_real_checkpoints(demo: Run, assert_paths_agree) -> None:
    assert_paths_agree(demo.folder, {GIST, POSITIVE, NEGATIVE})
