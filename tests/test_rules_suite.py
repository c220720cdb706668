"""The bundled suite for rules: real checkpoints, a few prompts of each number of facts."""

from __future__ import annotations

import pytest

import gisteval
from gisteval.content import find_content
from gisteval.pipeline.finished import Run

POSITIVE, SPAN, SEGMENTS, NEGATIVE = (
    f"rules-llama-{name}" for name in ("pos_control-1", "gist-16", "gist-4-parts-4", "neg_control-1")
)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = find_content("checkpoints") / "rules-llama"
    return gisteval.run(
        model=[str(folder / name) for name in ("gist-16", "segments-16")],
        task="rules:facts=1/4/16,examples=96",
        split="pairs",
        judge="none",
        output=str(tmp_path_factory.mktemp("rules") / "run"),
    )


def test_the_full_prompt_answers_and_the_input_alone_does_not(suite: Run) -> None:
    scores = {row.system: row for row in suite.rows if row.metric == "exact_match"}
    assert scores[POSITIVE].value >= 90
    assert scores[NEGATIVE].value <= 15
    for system in (SPAN, SEGMENTS):
        assert scores[system].ci_low > scores[NEGATIVE].ci_high


def test_cached_and_masked_paths_agree(suite: Run, assert_paths_agree) -> None:
    assert_paths_agree(suite.folder, {POSITIVE, SPAN, SEGMENTS, NEGATIVE})
