"""Whether a judge can be relied on: the one place that tables, claims, pages and gates ask.

A judge is itself under test. `gisteval.judging.checks` says how; what follows from it is said here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gisteval.judging.checks import missing_looks, negative_control, own_answers
from gisteval.judging.evidence import Evidence
from gisteval.records.judge_figures import Check, JudgingEntry, PairFigures, Rule, pair_entries

ORDER: tuple[Rule, ...] = (
    "missing", "ties", "other order", "itself", "place", "same text", "length", "negative control",
)  # fmt: skip
"""Which veto is named first."""


@dataclass(frozen=True, slots=True)
class Trust:
    """All checks of one judge in one run."""

    judge: str
    checks: tuple[Check, ...]

    @property
    def vetoes(self) -> tuple[Check, ...]:
        """The checks that failed, the most telling first."""
        failed = [check for check in self.checks if check.state == "fails"]
        return tuple(sorted(failed, key=lambda check: ORDER.index(check.rule)))

    def veto(self, system: str, split: str) -> Check | None:
        """The first veto on a system's verdicts on a split; None if there is none."""
        return next((check for check in self.vetoes if check.counts_for(system, split)), None)

    @property
    def doubt(self) -> str:
        """Why the judge can't be told from one that guesses; empty if it can, or is untested."""
        tested = [check for check in self.checks if check.state != "untested"]
        negative = [check for check in tested if check.rule == "negative control"]
        own = [check for check in tested if check.rule in ("other order", "itself", "ties")]
        asked = negative or own
        if any(check.state == "holds" for check in asked):
            return ""
        return next((check.text for check in asked if check.state == "too few"), "")

    def problem(self, system: str, split: str) -> str:
        """In a phrase, why no conclusion may rest on a system's verdicts on a split; empty if one may."""
        veto = self.veto(system, split)
        if veto is not None:
            return f"it is under veto: {veto.text}"
        return f"there are too few looks to tell it from guessing: {self.doubt}" if self.doubt else ""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What could not be tested, in phrases."""
        return tuple(check.text for check in self.checks if check.state == "untested")

    @property
    def reasons(self) -> tuple[str, ...]:
        """The vetoes in phrases, each once."""
        return tuple(dict.fromkeys(check.text for check in self.vetoes))

    @property
    def summary(self) -> str:
        """The vetoes in a line, the first one with its figure; empty without one."""
        if not self.reasons:
            return ""
        more = f" (and {len(self.reasons) - 1} more)" if len(self.reasons) > 1 else ""
        return f"judge {self.judge} is under veto: {self.reasons[0]}{more}"

    def stated(self, entry: PairFigures) -> PairFigures:
        """An entry of results.json with what the checks say of the judge there."""
        veto = self.veto(entry.system, entry.split)
        checks = tuple(check for check in self.checks if check.counts_for(entry.system, entry.split))
        return replace(entry, veto=None if veto is None else veto.text, doubt=self.doubt, checks=checks)


def stated_trust(entries: Iterable[JudgingEntry]) -> dict[str, Trust]:
    """By judge, the trust that entries of results.json state; judges without any are left out."""
    found: dict[str, dict[Check, None]] = {}
    for entry in pair_entries(entries):
        if entry.checks is not None:
            found.setdefault(entry.judge, {}).update(dict.fromkeys(entry.checks))
    return {judge: Trust(judge, tuple(checks)) for judge, checks in found.items()}


def judge_trust(
    judge: str,
    entries: Sequence[PairFigures],
    evidence: Evidence,
    negatives: Mapping[str, str | None],
    sees_order: bool,
) -> Trust:
    """Put all checks to a judge.

    entries: its figures on each system and split. negatives: the run's negative controls, trained or
    untrained.
    sees_order: False for a judge that compares scores of texts, which can't be swayed by a place, a length
    or a mood: only the negative control and missing looks test it.
    """
    checks = [check for entry in entries for check in missing_looks(entry)]
    separated = list(negative_control(entries, evidence, negatives))
    if sees_order:
        checks += own_answers(evidence, any(check.state == "holds" for check in separated))
    return Trust(judge, (*checks, *separated))
