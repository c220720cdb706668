"""The table at the top: candidates by control, on the scale of their controls."""

from __future__ import annotations

from dataclasses import replace

from claim_rows import NEGATIVE, POSITIVE, ROW

from gisteval.report.glance import Scale, glance
from gisteval.report.margins import margins


def test_the_scale_is_that_of_the_systems_own_controls() -> None:
    others = [
        replace(row, system=row.system.replace("LLaMA", "T5"), value=row.value / 2)
        for row in (POSITIVE, NEGATIVE)
    ]
    other = replace(ROW, system="T5-gist-1", reference="T5-pos_control-1", negative="T5-neg_control-1")
    rows = [POSITIVE, NEGATIVE, ROW, *others, other]
    first, second = glance(rows, margins(rows)[1])
    assert (first.reference, first.scale) == (POSITIVE.system, {"human": Scale(14.4, 27.0)})
    assert (second.reference, second.scale) == ("T5-pos_control-1", {"human": Scale(7.2, 13.5)})
    assert list(first.systems) == [ROW.system] and list(second.systems) == ["T5-gist-1"]
    shown = first.systems[ROW.system]["human"]
    assert shown.retention == ROW and shown.margin is not None and shown.margin.value == ROW.difference


def test_a_candidate_without_controls_has_no_scale() -> None:
    alone = replace(
        ROW, reference=None, negative=None, retention=None, retention_ci_low=None, difference=None
    )
    assert glance([alone], []) == []
