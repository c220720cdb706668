"""From literal generations to rows, with every value worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from literal_outputs import BLANK, EXAMPLES, GIST, METRICS, NEGATIVE, POSITIVE, collect, scored, system

from gisteval.records.schema import Example, Generation, ResultRow, finite
from gisteval.scores.columns import SystemScores
from gisteval.scores.rows import result_rows


def rows_of(
    scores: SystemScores, positive: SystemScores | None, negative: SystemScores | None
) -> dict[str, ResultRow]:
    return {row.metric: row for row in result_rows(scores, positive, negative, METRICS)}


@pytest.fixture(scope="module")
def rows() -> dict[str, ResultRow]:
    return rows_of(scored(GIST), scored(POSITIVE), scored(NEGATIVE))


def test_scores(rows: dict[str, ResultRow]) -> None:
    # ROUGE-L F1: "the cat" of "the cat sat" is 2 * 1 * (2/3) / (1 + 2/3) = 0.8; then 1, 0, 0.
    assert rows["rougeL"].value == pytest.approx(45.0)
    assert rows["exact_match"].value == 25.0  # "a b ": outer white space doesn't count
    assert rows["exact_match_pos"].value == 50.0  # "a b " and "maybe"
    assert rows["nll"].value == 1.75
    assert rows["length"].value == (2 + 2 + 1 + 1) / 4
    assert rows["unfinished"].value == 0.0
    assert {row.n for row in rows.values()} == {4}
    assert {row.clusters for row in rows.values()} == {3}
    assert {row.failures for row in rows.values()} == {0}
    assert rows["rougeL"].unit == "percent"
    assert rows["nll"].unit == "nats per token"


def test_difference_from_the_positive_control(rows: dict[str, ResultRow]) -> None:
    rouge, match, loss = rows["rougeL"], rows["exact_match"], rows["nll"]
    assert {row.reference for row in (rouge, match, loss)} == {"pos"}
    assert rouge.difference == pytest.approx(45.0 - 75.0)
    assert match.difference == 25.0 - 75.0
    assert loss.difference == 0.75
    for row in (rouge, match):
        assert row.difference_ci_low < row.difference < row.difference_ci_high
        assert 0.0 < row.p_value <= 1.0
        assert 0.0 < row.p_worse < row.p_within < 1.0
    # Three instructions bound no loss, and nothing says by how many nats a system is worse.
    assert (loss.difference_ci_low, loss.difference_ci_high, loss.p_value) == (None, None, 1.0)
    assert (loss.p_within, loss.p_worse) == (None, None)


def test_retention_is_a_share_of_the_gap(rows: dict[str, ResultRow]) -> None:
    assert rows["rougeL"].retention == pytest.approx(100 * 45 / 75)
    assert rows["exact_match"].retention == pytest.approx(100 / 3)
    assert rows["nll"].retention == pytest.approx(100 * (1.75 - 3.0) / (1.0 - 3.0))
    assert rows["length"].retention is None


def test_retention_has_an_interval_where_the_controls_are_apart() -> None:
    examples = [Example(f"e{n}", "t", "s", f"say {n}", "", f"word {n}") for n in range(30)]

    def made(name: str, right: Callable[[int], bool], loss: float) -> SystemScores:
        found = [
            replace(
                BLANK,
                system=name,
                example=example.id,
                content=example.content_id,
                output=example.output if right(n) else "none",
                nll=loss + (n * 7 % 5) / 10,
            )
            for n, example in enumerate(examples)
        ]
        scored = collect(examples, found, set())
        assert scored is not None
        return scored

    positive, negative = made("pos", lambda n: True, 1.0), made("neg", lambda n: False, 3.0)
    found = rows_of(made("gist-1", lambda n: n % 2 == 0, 2.0), positive, negative)
    for metric in ("rougeL", "exact_match"):
        row = found[metric]
        assert row.retention == pytest.approx(50.0)
        assert 25.0 < row.retention_ci_low < 40.0 and 60.0 < row.retention_ci_high < 75.0
        assert row.negative == "neg" and row.p_controls < 1e-6
    # The loss differs by the same amount on every example: no spread, no certainty.
    assert (found["nll"].retention, found["nll"].retention_ci_low) == (pytest.approx(50.0), None)
    assert found["nll"].ci_low < found["nll"].value < found["nll"].ci_high


def test_compression_leaves_the_template_out(rows: dict[str, ResultRow]) -> None:
    assert rows["source_tokens"].value == 13.0
    assert rows["template_tokens"].value == 3.0
    assert rows["compression_requested"].value == 10 / 2
    assert rows["compression_achieved"].value == 10 / 2
    assert rows["bytes"].value == 64.0


def test_mean_of_ratios_and_ratio_of_means() -> None:
    lengths = [(8, 1), (20, 4), (5, 1), (11, 1)]  # source tokens with 3 of the template, kept slots
    generations = [
        replace(generation, source_tokens=source, kept=kept, compressor="truncate")
        for generation, (source, kept) in zip(GIST, lengths, strict=True)
    ]
    found = rows_of(scored(generations), None, None)
    assert found["compression_achieved"].value == pytest.approx((5 + 17 / 4 + 2 + 8) / 4)
    assert found["compression_ratio_of_means"].value == pytest.approx((5 + 17 + 2 + 8) / 7)
    assert "compression_requested" not in found


def test_records_that_count_the_template_in_two_ways_have_no_common_ratio() -> None:
    mixed = [replace(g, kept_template=0, asked=g.k) if n else g for n, g in enumerate(GIST)]
    assert "compression_achieved" not in rows_of(scored(mixed), None, None)
    assert "compression_achieved" in rows_of(scored(mixed[1:], failed=(EXAMPLES[0].id,)), None, None)


def test_controls_have_no_compression_nor_retention() -> None:
    positive, negative = scored(POSITIVE), scored(NEGATIVE)
    for own, other in [(positive, "pos"), (negative, "neg")]:
        found = rows_of(own, positive, negative)
        assert found["rougeL"].system == other
        assert found["rougeL"].retention is None
        # The negative control is held against the positive one, to know whether they are apart.
        assert found["rougeL"].reference == (None if other == "pos" else "pos")
        assert not any(name.startswith("compression") for name in found)
    assert "exact_match_pos" not in rows_of(positive, positive, negative)
    assert rows_of(negative, positive, negative)["exact_match_pos"].value == 25.0


def test_order_of_records_is_no_matter(rows: dict[str, ResultRow]) -> None:
    again = rows_of(
        scored(GIST[::-1]), scored(POSITIVE[2:] + POSITIVE[:2]), scored(NEGATIVE + NEGATIVE[:1])
    )
    assert again == rows


def test_a_failure_is_a_failure_of_its_system_and_not_a_smaller_n() -> None:
    own = scored(GIST[1:], failed=("e1",))
    found = rows_of(own, scored(POSITIVE), scored(NEGATIVE[:3], failed=("e4",)))
    rouge = found["rougeL"]
    assert (rouge.n, rouge.failures) == (4, 1)
    # 0 for the missing one, then 100, 0 and 0; the positive control has 100, 100, 100 and 0.
    assert rouge.value == 25.0
    assert rouge.difference == 25.0 - 75.0
    assert rouge.retention == pytest.approx(100.0 * 25.0 / 75.0)
    assert (found["exact_match"].value, found["exact_match_pos"].value) == (25.0, 50.0)
    # What is measured on outputs is known of three.
    assert (found["nll"].n, found["nll"].value) == (3, pytest.approx(5.5 / 3))
    assert (found["length"].n, found["unfinished"].n) == (3, 3)


def test_a_failure_of_the_positive_control_counts_against_any_claim() -> None:
    whole = rows_of(scored(GIST), scored(POSITIVE), scored(NEGATIVE))["rougeL"]
    own = rows_of(scored(GIST), scored(POSITIVE[1:], failed=("e1",)), scored(NEGATIVE))["rougeL"]
    assert own.difference > whole.difference
    assert own.p_within >= whole.p_within and own.p_worse >= whole.p_worse


def test_examples_that_a_control_was_not_asked_are_no_comparison() -> None:
    own = collect(EXAMPLES[:2], GIST[:2], set())
    positive = collect(EXAMPLES[2:], POSITIVE[2:], set())
    assert own is not None and positive is not None
    found = rows_of(own, positive, scored(NEGATIVE))
    assert found["rougeL"].difference is None
    assert found["rougeL"].value == pytest.approx(90.0)
    assert "exact_match_pos" not in found
    assert rows_of(own, None, None)["rougeL"].reference is None
    both = rows_of(scored(GIST), positive, scored(NEGATIVE))["rougeL"]
    assert both.difference == pytest.approx(-50.0)  # of e3 and e4 alone: 0 and 0 against 100 and 0


def test_controls_that_can_not_be_told_apart_have_no_retention() -> None:
    same = system("neg", [generation.output for generation in POSITIVE], [1.0] * 4)
    found = rows_of(scored(GIST), scored(POSITIVE), scored(same))
    assert found["rougeL"].retention is None
    assert found["rougeL"].difference == pytest.approx(-30.0)


def test_one_example_has_no_interval() -> None:
    def one(generations: list[Generation]) -> SystemScores:
        found = collect(EXAMPLES[:1], generations[:1], set())
        assert found is not None
        return found

    row = rows_of(one(GIST), one(POSITIVE), one(NEGATIVE))["rougeL"]
    assert (row.value, row.ci_low, row.ci_high) == (pytest.approx(80.0), None, None)
    assert (row.retention, row.retention_ci_low) == (pytest.approx(80.0), None)


def test_without_loss_there_is_no_such_row() -> None:
    found = rows_of(scored([replace(g, nll=None) for g in GIST]), scored(POSITIVE), scored(NEGATIVE))
    assert "nll" not in found
    assert found["rougeL"].retention == pytest.approx(60.0)


def test_infinity_is_null() -> None:
    assert [finite(value) for value in (1.5, math.inf, -math.inf, math.nan)] == [1.5, None, None, None]


def test_percentages_stay_within_their_bounds_and_none_of_few_is_not_certainty(
    rows: dict[str, ResultRow],
) -> None:
    for name in ("rougeL", "exact_match", "exact_match_pos", "unfinished"):
        assert 0.0 <= rows[name].ci_low <= rows[name].value <= rows[name].ci_high <= 100.0
    assert rows["unfinished"].ci_high > 50.0  # 0 of 4, in 3 clusters


def test_what_is_not_known_of_an_output_has_no_row() -> None:
    unknown = {
        name: None
        for name in ("output_tokens", "finished", "source_tokens", "template_tokens", "bytes", "nll")
    }
    found = rows_of(scored([replace(item, **unknown) for item in GIST]), None, None)
    assert set(found) == {"rougeL", "rougeL-unicode", "exact_match", "length", "kept"}
