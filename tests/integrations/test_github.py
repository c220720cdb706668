"""The verdict in a pull request, against a server that speaks as GitHub does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from github_comments import Comments, comment_server

from gisteval.errors import GistevalError
from gisteval.integrations.github import MARKER, annotation_lines, comment_text, post_comment, read_verdict

VERDICT = {
    "outcome": "FAIL",
    "metric": "rougeL",
    "margin": 5.0,
    "judge": None,
    "candidate": {"run": "runs/b", "system": "gist-`2`|x"},
    "baseline": {"run": "runs/a", "system": "gist-1"},
    "splits": [
        {"split": "un,seen:\n", "outcome": "FAIL", "n": 1000, "difference": -9.5,
         "ci_low": -12.25, "ci_high": None},
        {"split": "human", "outcome": "PASS", "n": 252, "difference": 0.0, "ci_low": -1.0, "ci_high": 1.0},
    ],
    "warnings": ["100% of <b>few</b>"],
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[tuple[type[Comments], dict[str, str]]]:
    with comment_server() as serving:
        yield serving


@pytest.fixture
def verdict(tmp_path: Path):
    file = tmp_path / "verdict.json"
    file.write_text(json.dumps(VERDICT))
    return read_verdict(file)


def test_a_comment_shows_each_split_and_no_markup_of_others(verdict) -> None:
    lines = comment_text(verdict).splitlines()
    assert lines[:2] == [MARKER, "### gisteval gate: FAIL"]
    assert "`gist-'2'|x` against `gist-1`: rougeL, margin 5" in lines
    rows = [line for line in lines if line.startswith("| ")][1:]
    assert rows[0].endswith("| FAIL | -9.5 | [-12.2, unbounded] | 1,000 |")
    assert rows[1] == "| human | PASS | +0 | [-1, +1] | 252 |"
    assert "<b>" not in "\n".join(lines)


def test_annotations_are_escaped_as_github_asks(verdict) -> None:
    first, second = annotation_lines(verdict)
    assert first.startswith("::error title=gisteval gate%3A un%2Cseen%3A%0A::FAIL: difference -9.5 ")
    assert second.startswith("::notice title=gisteval gate%3A human::PASS") and "\n" not in first


def test_a_second_verdict_replaces_the_first_among_many_comments(server) -> None:
    handler, environment = server
    handler.kept += [{"id": n, "html_url": f"https://x/{n}", "body": f"note {n}"} for n in range(150)]
    assert post_comment(f"{MARKER}\none", environment) == "https://x/150"
    assert post_comment(f"{MARKER}\ntwo", environment) == "https://x/150"
    assert [c["body"] for c in handler.kept[150:]] == [f"{MARKER}\ntwo"]
    assert set(handler.tokens) == {"Bearer secret-of-the-test"}


@pytest.mark.parametrize("content", ["{", "[]", '{"outcome": 3}'])
def test_what_is_no_verdict_is_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text(content)
    with pytest.raises(GistevalError, match=r"verdict\.json is no verdict of gisteval gate --json"):
        read_verdict(tmp_path / "verdict.json")


def test_a_missing_variable_is_named(server) -> None:
    _, environment = server
    with pytest.raises(GistevalError, match="no comment without GITHUB_TOKEN"):
        post_comment("x", {**environment, "GITHUB_TOKEN": ""})
