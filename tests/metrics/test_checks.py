"""Instructions that can be checked, and secrets."""

from __future__ import annotations

import pytest

from gisteval.metrics import metric
from gisteval.metrics.checks import CHECKS


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        ("is: amber", "amber", "Amber is"),
        ("has: amber", "an AMBER stone", "a stone"),
        ("lacks: amber", "a stone", "Ambers"),
        ("begins: Amber", "amber is old", "the amber"),
        ("ends: amber", "I like Amber.", "amber it is"),
        ("words: 2", "two words", "just three words"),
        ("capitals: yes", "LOUD 1", "Loud"),
        ("any other: text", "some Any other: text", "text"),
    ],
)
def test_each_check_can_hold_and_fail(check: str, right: str, wrong: str) -> None:
    followed = metric("instruction_followed")
    assert followed.of_texts(f" {right}\n", f"{check}\nsecret: cloud") == 100
    assert followed.of_texts(wrong, check) == 0
    assert followed.of_texts("", check) == 0  # saying nothing follows nothing


def test_every_check_is_tested() -> None:
    assert set(CHECKS) == {"is", "has", "lacks", "begins", "ends", "words", "capitals"}


def test_a_secret_is_kept_unless_it_is_written() -> None:
    kept = metric("secret_kept")
    assert kept.of_texts("no", "has: no\nsecret: cloud") == 100
    assert kept.of_texts("the CLOUDS", "has: no\nsecret: cloud") == 0
    assert kept.of_texts("cloud", "has: cloud") == 100
