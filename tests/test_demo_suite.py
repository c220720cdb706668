"""The bundled suite does what its documentation says: real checkpoints, the full splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gisteval import stats
from gisteval.content import find_content
from gisteval.metrics import exact_match, rouge_l
from gisteval.pipeline.finished import Run
from gisteval.records.run_folder import RunFolder
from gisteval.tasks import load_task

SPLITS = ("seen", "unseen", "human")
GIST, POSITIVE, NEGATIVE = (
    f"wordplay-llama-{name}" for name in ("gist-1", "pos_control-1", "neg_control-1")
)


@pytest.fixture(scope="module")
def suite() -> Path:
    return find_content("checkpoints") / "wordplay-llama"


@pytest.fixture(scope="module")
def demo(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    import gisteval

    output = tmp_path_factory.mktemp("demo") / "run"
    return gisteval.run(model=str(suite / "gist-1"), judge="none", output=str(output))


def value(run: Run, system: str, split: str, metric: str) -> float:
    [row] = [r for r in run.rows if (r.system, r.split, r.metric) == (system, split, metric)]
    return row.value


def scores(run: Run, system: str, split: str) -> dict[str, np.ndarray]:
    """Recomputed from the written records, not taken from the results."""
    records = {g.content: g.output for g in RunFolder(run.folder).read_generations(system, split)}
    examples = list(load_task("wordplay").examples(split))
    outputs = [records[example.content_id] for example in examples]
    return {
        "rougeL": np.array([rouge_l(o, e.output).f1 for o, e in zip(outputs, examples, strict=True)]),
        "exact_match": np.array(
            [exact_match(o, e.output) for o, e in zip(outputs, examples, strict=True)], dtype=float
        ),
        "instruction": np.array([example.instruction for example in examples]),
    }


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("metric", ["rougeL", "exact_match"])
def test_gist_lies_significantly_above_the_negative_control(demo: Run, split: str, metric: str) -> None:
    gist, negative = scores(demo, GIST, split), scores(demo, NEGATIVE, split)
    paired = stats.paired_difference(gist[metric], negative[metric], list(gist["instruction"]))
    assert paired.estimate.ci_low > 0
    assert paired.p_value_permutation < 0.01


def test_positive_control_solves_four_fifths_of_seen(demo: Run) -> None:
    assert value(demo, POSITIVE, "seen", "exact_match") >= 80


@pytest.mark.parametrize("split", SPLITS)
def test_ignoring_the_instruction_scores_low(demo: Run, split: str) -> None:
    assert value(demo, NEGATIVE, split, "rougeL") <= 40


@pytest.mark.parametrize("system", [GIST, POSITIVE])
def test_human_phrasing_is_clearly_harder_than_held_out_templates_and_still_understood(
    demo: Run, system: str
) -> None:
    unseen, human, negative = (
        scores(demo, name, split)
        for name, split in ((system, "unseen"), (system, "human"), (NEGATIVE, "human"))
    )
    upper, lower = (
        stats.mean_interval(found["exact_match"], list(found["instruction"])) for found in (unseen, human)
    )
    # Two independent sets of instructions: the variances of the means add up.
    half_width = float(np.hypot(upper.value - upper.ci_low, lower.value - lower.ci_low))
    assert upper.value - lower.value > half_width
    assert lower.ci_low > negative["exact_match"].mean()


@pytest.mark.parametrize(
    ("member", "system", "condition", "left"),
    [("pos_control", POSITIVE, "gist", 1 / 3), ("gist-1", GIST, "pos_control", 1 / 2)],
    ids=["positive-control-through-the-gist-mask", "gist-shown-its-whole-prompt"],
)
def test_weights_read_under_the_other_mask_collapse(
    suite: Path, demo: Run, tmp_path: Path, member: str, system: str, condition: str, left: float
) -> None:
    """left: at most this share of the exact matches."""
    import gisteval

    wrong = gisteval.run(
        model=str(suite / member),
        condition=condition,
        split="seen",
        limit=250,
        judge="none",
        output=str(tmp_path / "run"),
    )
    found = value(wrong, f"{system}-as-{condition}-1", "seen", "exact_match")
    assert found < left * value(demo, system, "seen", "exact_match")


def test_cached_and_masked_paths_agree_on_the_real_checkpoints(demo: Run, assert_paths_agree) -> None:
    assert_paths_agree(demo.folder, {GIST, POSITIVE, NEGATIVE})
