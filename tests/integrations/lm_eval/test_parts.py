"""Rules of what is compressed: where a context is cut, and what a bad rule says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval import parse_rule
from gisteval.integrations.lm_eval.parts import Parts

CONTEXT = "Answer.\n\nQ: cats\nA: no\n\nQ: dogs\nA:"


@pytest.mark.parametrize(
    ("rule", "prompt"),
    [
        (r"until:\n\n", "Answer.\n\nQ: cats\nA: no\n\n"),
        ("before:Q: {question}", "Answer.\n\nQ: cats\nA: no\n\n"),
        (r"until:Q: {question}\n", "Answer.\n\nQ: cats\nA: no\n\nQ: dogs\n"),
        ("before:Answer", ""),
    ],
)
def test_a_context_is_cut_at_the_last_marker(rule, prompt):
    parts = parse_rule(rule).split(CONTEXT, {"question": "dogs"}, "here")
    assert parts == Parts(prompt, CONTEXT.removeprefix(prompt))


@given(st.text(), st.text(min_size=1), st.text())
def test_the_parts_are_the_text(before, field, after):
    for kind in ("until", "before"):
        parts = parse_rule(kind + ":{field}").split(before + field + after, {"field": field}, "here")
        assert parts.prompt + parts.plain == before + field + after


def test_braces_are_written_twice_and_a_field_is_text():
    parts = parse_rule("until:{{{n}}}").split("a {3} b", {"n": 3}, "here")
    assert parts == Parts("a {3}", " b")


def test_nothing_is_no_rule():
    assert parse_rule("nothing") is None


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("all", "is no rule"),
        ("befor:x", "did you mean 'before'"),
        ("until:", "no marker"),
        ("until:{", "brace"),
        ("until:{0.__class__}", "is not the name of a field"),
        ("until:{a.b}", "is not the name of a field"),
        ("until:{a!r}", "is not the name of a field"),
        ("until:{}", "is not the name of a field"),
    ],
)
def test_bad_rules_are_refused(rule, message):
    with pytest.raises(GistevalError, match=message):
        parse_rule(rule)


def test_a_missing_field_and_a_missing_marker_name_the_place():
    rule = parse_rule("until:{question}")
    with pytest.raises(GistevalError, match=r"task t, document 3: .* no field 'question' \(a\)"):
        rule.split(CONTEXT, {"a": "b"}, "task t, document 3")
    with pytest.raises(GistevalError, match="does not contain 'birds'"):
        rule.split(CONTEXT, {"question": "birds"}, "task t, document 3")
    with pytest.raises(GistevalError, match=r"\(none\)"):
        rule.split(CONTEXT, "a text", "task t, document 3")
