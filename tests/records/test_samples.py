"""How often an example is answered, and what tells its answers apart."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError
from gisteval.records.samples import drawn_notes, drawn_samples, sampled
from gisteval.records.schema import Example, record_key

EXAMPLES = [Example(f"e{n}", "t", "s", "say", str(n), "yes") for n in range(2)]


def test_samples_stand_in_a_row_and_share_their_item() -> None:
    asked = list(sampled(EXAMPLES, 3))
    assert [(e.id, e.sample) for e in asked] == [
        ("e0", 0),
        ("e0", 1),
        ("e0", 2),
        ("e1", 0),
        ("e1", 1),
        ("e1", 2),
    ]
    assert len({e.content_id for e in asked}) == 2
    assert len({e.answer_id for e in asked}) == len({record_key("p", e) for e in asked}) == 6
    assert list(sampled(EXAMPLES, None)) == EXAMPLES


def test_the_first_sample_has_the_item_s_own_id() -> None:
    assert [e.answer_id for e in sampled(EXAMPLES, 1)] == [e.content_id for e in EXAMPLES]


def test_a_temperature_decides_whether_answers_are_drawn() -> None:
    assert drawn_samples(1, 0.0) is None
    assert (drawn_samples(1, 0.7), drawn_samples(5, 0.7)) == (1, 5)
    with pytest.raises(GistevalError, match=r"--samples 5 needs --temperature, such as 0\.7"):
        drawn_samples(5, 0.0)
    with pytest.raises(GistevalError, match="temperature must be a number from 0 on, not nan"):
        drawn_samples(2, float("nan"))


def test_reports_say_that_answers_are_drawn() -> None:
    assert list(drawn_notes(None, 0.0)) == []
    assert list(drawn_notes(1, 0.7)) == ["Answers are drawn at temperature 0.7, one to each example."]
    (note,) = drawn_notes(5, 1.0)
    assert "temperature 1, 5 to each example" in note
