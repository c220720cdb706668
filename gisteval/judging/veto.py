"""Whether a judge can be relied on: the one place that tables, claims, pages and gates ask.

A judge is itself under test. `gisteval.judging.checks` holds the tests, this module the conclusions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gisteval.judging.checks import consistency_checks, missing_answers, negative_control
from gisteval.judging.evidence import Evidence
from gisteval.records.judge_figures import Check, JudgingEntry, PairFigures, Rule, pair_entries

RULES_BY_WEIGHT: tuple[Rule, ...] = (
    "missing", "ties", "other order", "itself", "place", "same text", "length", "negative control",
)  # fmt: skip
"""The rules, the most telling first: which veto a message names."""


@dataclass(frozen=True, slots=True)
class Trust:
    """All checks of one judge in one run.

    Attributes:
        judge: The name that its verdicts bear.
        checks: What it was tested for.
    """

    judge: str
    checks: tuple[Check, ...]

    @property
    def vetoes(self) -> tuple[Check, ...]:
        """Return the checks that failed, the most telling first."""
        failed = [check for check in self.checks if check.state == "fails"]
        return tuple(sorted(failed, key=lambda check: RULES_BY_WEIGHT.index(check.rule)))

    def veto(self, system: str, split: str) -> Check | None:
        """Return the first veto on a system's verdicts on a split, or None."""
        return next((check for check in self.vetoes if check.counts_for(system, split)), None)

    @property
    def doubt(self) -> str:
        """Why the judge can't be told from one that guesses; empty if it can, or if it is untested."""
        tested = [check for check in self.checks if check.state != "untested"]
        on_negative = [check for check in tested if check.rule == "negative control"]
        on_consistency = [check for check in tested if check.rule in ("other order", "itself", "ties")]
        telling = on_negative or on_consistency
        if any(check.state == "holds" for check in telling):
            return ""
        return next((check.text for check in telling if check.state == "too few"), "")

    def problem(self, system: str, split: str) -> str:
        """Return in a phrase why nothing may rest on a system's verdicts on a split; empty if it may."""
        veto = self.veto(system, split)
        if veto is not None:
            return f"it is under veto: {veto.text}"
        return f"there are too few comparisons to tell it from guessing: {self.doubt}" if self.doubt else ""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What could not be tested, as phrases."""
        return tuple(check.text for check in self.checks if check.state == "untested")

    @property
    def reasons(self) -> tuple[str, ...]:
        """The vetoes as phrases, each once."""
        return tuple(dict.fromkeys(check.text for check in self.vetoes))

    @property
    def summary(self) -> str:
        """The first veto on one line, with its figure and the number of others; empty if there is none."""
        if not self.reasons:
            return ""
        more = f" (and {len(self.reasons) - 1} more)" if len(self.reasons) > 1 else ""
        return f"judge {self.judge} is under veto: {self.reasons[0]}{more}"

    def stated(self, entry: PairFigures) -> PairFigures:
        """Return an entry of results.json with what the checks say about the judge there."""
        veto = self.veto(entry.system, entry.split)
        checks = tuple(check for check in self.checks if check.counts_for(entry.system, entry.split))
        return replace(entry, veto=None if veto is None else veto.text, doubt=self.doubt, checks=checks)


def stated_trust(entries: Iterable[JudgingEntry]) -> dict[str, Trust]:
    """Return the trust that entries of results.json state, by judge; judges without checks are left out."""
    checks: dict[str, dict[Check, None]] = {}
    for entry in pair_entries(entries):
        if entry.checks is not None:
            checks.setdefault(entry.judge, {}).update(dict.fromkeys(entry.checks))
    return {judge: Trust(judge, tuple(of_judge)) for judge, of_judge in checks.items()}


def judge_trust(
    judge: str,
    entries: Sequence[PairFigures],
    evidence: Evidence,
    negatives: Mapping[str, str | None],
    sees_order: bool,
) -> Trust:
    """Put a judge to all checks.

    Args:
        judge: The name that its verdicts bear.
        entries: Its figures on each system and split.
        evidence: Its answers over the whole run.
        negatives: The run's negative controls, each with whether it is trained or untrained.
        sees_order: False for a judge that compares scores of texts. Position and length can't sway it, so
            only the negative control and missing answers test it.
    """
    checks = [check for entry in entries for check in missing_answers(entry)]
    on_negative = list(negative_control(entries, evidence, negatives))
    if sees_order:
        is_sensitive = any(check.state == "holds" for check in on_negative)
        checks += consistency_checks(evidence, is_sensitive)
    return Trust(judge, (*checks, *on_negative))
