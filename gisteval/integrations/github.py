"""A gate's verdict in a pull request: one comment, kept up to date, and an annotation for each split.

`action.yml` calls it: `python -m gisteval.integrations.github VERDICT.json`. What GitHub says of the job
comes from the environment variables that its runners set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from gisteval.errors import GistevalError, one_line
from gisteval.files.foreign import read_json
from gisteval.records.json_object import JsonObject
from gisteval.report.layout import markdown_cell

MARKER = "<!-- gisteval gate -->"
"""Begins the comment, so that the next verdict replaces it."""

SECONDS = 30
PAGE = 100
LEVELS = {"PASS": "notice", "INCONCLUSIVE": "warning"}
"""Level of an annotation by a split's outcome; any other one is an error."""


@dataclass(frozen=True)
class SideOfVerdict(JsonObject):
    """A run and its system."""

    run: str
    system: str


@dataclass(frozen=True)
class SplitOfVerdict(JsonObject):
    """What the gate says of one split; differences in the metric's units."""

    split: str
    outcome: str
    n: int
    difference: float
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True)
class GateVerdict(JsonObject):
    """What `gisteval gate --json` prints."""

    outcome: str
    metric: str
    margin: float
    judge: str | None
    candidate: SideOfVerdict
    baseline: SideOfVerdict
    splits: tuple[SplitOfVerdict, ...]
    warnings: tuple[str, ...]


def read_verdict(file: Path) -> GateVerdict:
    """Read what `gisteval gate --json` printed.

    Raises:
        GistevalError: The file can't be read, or holds no verdict.
    """
    try:
        return GateVerdict.from_json(read_json(file))
    except (OSError, ValueError) as error:
        raise GistevalError(f"{file} is no verdict of gisteval gate --json ({one_line(error)})") from error


def comment_text(verdict: GateVerdict) -> str:
    """The verdict as a Markdown comment, with a row for each split."""
    judge = f", judge {verdict.judge}" if verdict.judge else ""
    lines = [
        MARKER,
        f"### gisteval gate: {verdict.outcome}",
        "",
        f"`{_code(verdict.candidate.system)}` against `{_code(verdict.baseline.system)}`: "
        f"{markdown_cell(verdict.metric + judge)}, margin {verdict.margin:g}",
        "",
        "| split | verdict | difference | 90% interval | n |",
        "|---|---|---:|---:|---:|",
    ]
    for split in verdict.splits:
        cells = (split.split, split.outcome, f"{split.difference:+.3g}", _interval(split), f"{split.n:,}")
        lines.append(f"| {' | '.join(markdown_cell(cell) for cell in cells)} |")
    lines += ["", *(f"- {markdown_cell(warning)}" for warning in verdict.warnings)]
    return "\n".join(lines).rstrip() + "\n"


def annotation_lines(verdict: GateVerdict) -> list[str]:
    """A workflow command of GitHub for each split, which shows as an annotation of the job."""
    return [
        f"::{LEVELS.get(split.outcome, 'error')} title={_property(f'gisteval gate: {split.split}')}::"
        + _data(f"{split.outcome}: difference {split.difference:+.3g} {_interval(split)}, n {split.n}")
        for split in verdict.splits
    ]


def _interval(split: SplitOfVerdict) -> str:
    ends = (split.ci_low, split.ci_high)
    return "[" + ", ".join("unbounded" if end is None else f"{end:+.3g}" for end in ends) + "]"


def _code(text: str) -> str:
    return " ".join(text.split()).replace("`", "'")


def _data(text: str) -> str:
    """Escape the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a property of a workflow command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def post_comment(text: str, environment: Mapping[str, str]) -> str:
    """Write the comment of a pull request, or replace the one that an earlier verdict left.

    Args:
        text: Markdown that begins with MARKER.
        environment: GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_TOKEN and PULL_REQUEST (its number).

    Returns:
        The comment's address.

    Raises:
        GistevalError: A variable is missing, or GitHub refused.
    """
    needed = ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN", "PULL_REQUEST")
    missing = [name for name in needed if not environment.get(name)]
    if missing:
        raise GistevalError(f"no comment without {', '.join(missing)} in the environment")
    api, repository, token, number = (environment[name] for name in needed)
    issues = f"{api}/repos/{repository}/issues"
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        session.headers["Accept"] = "application/vnd.github+json"
        try:
            earlier = _earlier_comment(session, f"{issues}/{number}/comments")
            if earlier is None:
                answer = session.post(f"{issues}/{number}/comments", json={"body": text}, timeout=SECONDS)
            else:
                answer = session.patch(f"{issues}/comments/{earlier}", json={"body": text}, timeout=SECONDS)
            answer.raise_for_status()
            return str(answer.json()["html_url"])
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise GistevalError(f"GitHub took no comment ({one_line(error)})") from error


def _earlier_comment(session: requests.Session, address: str) -> int | None:
    """The number of the comment that begins with MARKER."""
    page = 1
    while True:
        answer = session.get(address, params={"per_page": PAGE, "page": page}, timeout=SECONDS)
        answer.raise_for_status()
        comments = answer.json()
        for comment in comments:
            if str(comment["body"]).startswith(MARKER):
                return int(comment["id"])
        if len(comments) < PAGE:
            return None
        page += 1


def main(file: str) -> int:
    """Print annotations, add the comment to the job's summary, and post it where there is a pull request.

    A verdict is not lost because a comment failed: that is a warning.
    """
    try:
        verdict = read_verdict(Path(file))
    except GistevalError as error:
        print(f"gisteval: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(annotation_lines(verdict)))
    text = comment_text(verdict)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(summary, "a", encoding="utf-8") as stream:
            stream.write(text)
    if os.environ.get("PULL_REQUEST"):
        try:
            print(post_comment(text, os.environ))
        except GistevalError as error:
            print(f"::warning title=gisteval gate::{_data(str(error))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
