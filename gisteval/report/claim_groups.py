"""The claims of a report in groups: a sentence for each group, its claims behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gisteval.errors import counted
from gisteval.report.claims import Claim, Findings


@dataclass(frozen=True, slots=True)
class ClaimGroup:
    """Claims of one kind.

    Attributes:
        sentence: What they say together.
        shown: How many of them are shown.
        claims: The claims.
        is_open: Whether the page shows them at once: what is against a judge must not be overlooked.
    """

    sentence: str
    shown: int
    claims: tuple[Claim, ...]
    is_open: bool = False


def claim_groups(findings: Findings) -> list[ClaimGroup]:
    """Group the claims of a report, in its order. Groups without a claim are left out."""
    controls, judges = findings.controls, findings.judges
    groups = [
        _group(controls, _controls_text(controls)),
        _group(judges, f"{counted(len(judges), 'judge')} can't be relied on", True),
        _group(
            findings.candidates,
            _counts_text(findings.candidates, "claim about a candidate", "claims about candidates"),
        ),
        _group(
            findings.others,
            _counts_text(findings.others, "claim about k and costs", "claims about k and costs"),
        ),
    ]
    return [group for group in groups if group.claims]


def _group(claims: Sequence[Claim], sentence: str, is_open: bool = False) -> ClaimGroup:
    return ClaimGroup(sentence, _shown(claims), tuple(claims), is_open)


def _shown(claims: Sequence[Claim]) -> int:
    return sum(claim.finding == "shown" for claim in claims)


def _controls_text(claims: Sequence[Claim]) -> str:
    shown, total = _shown(claims), counted(len(claims), "comparison")
    if shown == len(claims):
        where = f" in each of {total}" if len(claims) > 1 else ""
        return f"The whole prompt beats no prompt{where}: there is a scale to measure on"
    return (
        f"The whole prompt is shown to beat no prompt in {shown} of {total}: "
        "without a scale, nothing is said of the systems between them"
    )


def _counts_text(claims: Sequence[Claim], one: str, many: str) -> str:
    shown = _shown(claims)
    rest = ", the others open" if shown < len(claims) else ""
    return f"{shown} of {counted(len(claims), one, many)} shown{rest}"
