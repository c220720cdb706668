"""What results.json says of judges: the entries of its block `judging`, as typed values.

`PairFigures` sums up one judge on one system and split, `ControlFigures` the control against itself,
`AgreementFigures` two judges side by side, `PanelFigures` all human judges together. Shares are in percent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gisteval.records.json_object import OPTIONAL, Count, JsonObject, MissingField, Name, WrongField
from gisteval.records.schema import Estimate, finite

Rule = Literal[
    "missing", "ties", "other order", "itself", "place", "same text", "length", "negative control"
]  # fmt: skip
State = Literal["holds", "fails", "too few", "untested"]


@dataclass(frozen=True)
class Check(JsonObject):
    """One thing that a judge was tested for.

    Attributes:
        text: A phrase with its figure, what was seen.
        split: Where it counts, None everywhere.
        system: The same of systems.
        value: In percent, as are the ends of its interval.
        guess: What guessing would give, in percent.
        n: Verdicts or pairs.
    """

    rule: Rule
    state: State
    text: str
    split: Name | None = None
    system: Name | None = None
    value: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    guess: float | None = None
    n: Count = 0

    def counts_for(self, system: str, split: str) -> bool:
        """Whether it says something of a system's verdicts on a split."""
        return self.split in (None, split) and self.system in (None, system)


@dataclass(frozen=True)
class Interval(JsonObject):
    """A number with its 95% interval; an end that the data can't bound is None."""

    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: Count | None = field(default=None, metadata=OPTIONAL)

    @classmethod
    def of(cls, estimate: Estimate | None) -> Interval | None:
        """An estimate in the form that results.json holds; None stays None."""
        if estimate is None:
            return None
        return cls(estimate.value, finite(estimate.ci_low), finite(estimate.ci_high), estimate.n)


@dataclass(frozen=True)
class Repeated(JsonObject):
    """How often a judge said the same of the same pair twice. agreement: in percent."""

    n: Count
    agreement: float
    kappa: float | None


@dataclass(frozen=True, kw_only=True)
class PairFigures(JsonObject):
    """One judge on one system and split, against its positive control.

    Attributes:
        looks: First verdicts on each pair and order; errors and invalid are those without an answer, and
            cut those of the invalid whose reply ended at the limit of tokens.
        cost: Dollars.
        length_slope: Points a doubling of the length.
        again: Pairs that were judged twice.
        veto: The first check that failed and counts here.
        doubt: Why the judge can't be told from one that guesses; empty if it can.
        checks: All that count here. None in results of versions that made none.
    """

    kind: Literal["pairs"] = "pairs"
    judge: Name
    task: str = ""
    split: Name
    system: Name
    reference: Name
    examples: Count = 0
    pairs: Count
    equal_outputs: Count
    wins: Count
    ties: Count
    losses: Count
    missing_pairs: Count
    looks: Count
    errors: Count
    invalid: Count
    cut: Count = 0
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cost: float
    win_rate: Interval | None
    win_rate_adjusted: Interval | None
    flip_rate: Interval | None
    first_shown_share: Interval | None
    longer_share: Interval | None
    order_effect: Interval | None = None
    length_slope: Interval | None
    again: Repeated | None
    veto: str | None = None
    doubt: str | None = None
    checks: tuple[Check, ...] | None = None

    @property
    def judges(self) -> tuple[str, ...]:
        """The judge alone."""
        return (self.judge,)

    def to_json(self) -> dict[str, object]:
        """The entry; what follows from the checks is not written where there are none."""
        content = super().to_json()
        if self.checks is None:
            for name in ("veto", "doubt", "checks"):
                del content[name]
        return content


@dataclass(frozen=True, kw_only=True)
class ControlFigures(JsonObject):
    """One judge on the positive control against itself: the same text twice.

    Attributes:
        answered: Of the verdicts, those with an answer.
        ties: Of the answered, those that say so, in percent.
        first_shown_share: Of the decided, those for the text shown first, in percent.
    """

    kind: Literal["control"] = "control"
    judge: Name
    task: str = ""
    split: Name
    system: Name
    reference: Name
    looks: Count = 0
    answered: Count
    ties: float
    first_shown_share: float | None
    cost: float = 0.0

    @property
    def judges(self) -> tuple[str, ...]:
        """The judge alone."""
        return (self.judge,)


@dataclass(frozen=True, kw_only=True)
class AgreementFigures(JsonObject):
    """Two judges on the pairs that both answered. agreement: in percent; kappa: Cohen's."""

    kind: Literal["agreement"] = "agreement"
    judges: tuple[Name, ...]
    task: str = ""
    split: Name
    system: Name
    reference: Name
    n: Count
    agreement: float
    kappa: float | None


@dataclass(frozen=True, kw_only=True)
class PanelFigures(JsonObject):
    """All human judges together. preference: the mean over them, then over pairs; alpha: Krippendorff's."""

    kind: Literal["panel"] = "panel"
    judges: tuple[Name, ...]
    task: str = ""
    split: Name
    system: Name
    reference: Name
    pairs: Count
    answers: Count
    preference: Interval | None
    alpha: float | None


@dataclass(frozen=True, kw_only=True)
class CorrectedFigures(JsonObject):
    """One judge's win rate on a system and split, corrected by people's labels on a part of the pairs.

    Attributes:
        labels: The number of labelled pairs.
        weight: The weight of the judge's verdicts, from 0 (labels alone) to 1.
        bias: Points by which the judge's scores exceed people's on the labelled pairs.
        win_rate: The corrected win rate in percent.
        labels_alone: The win rate from the labels alone, in percent.
        retention: The corrected retention in percent; None without labels on the negative control.
        rogan_gladen: The share of wins among decided pairs, corrected for the judge's sensitivity and
            specificity, in percent; None where there are too few labels.
    """

    kind: Literal["corrected"] = "corrected"
    judge: Name
    task: str = ""
    split: Name
    system: Name
    reference: Name
    labels: Count
    weight: float
    bias: float
    win_rate: Interval | None
    labels_alone: Interval | None
    retention: Interval | None = None
    rogan_gladen: Interval | None = None

    @property
    def judges(self) -> tuple[str, ...]:
        """The judge alone."""
        return (self.judge,)


@dataclass(frozen=True, kw_only=True)
class LengthFigures(JsonObject):
    """One judge's win rate at equal length by AlpacaEval's logistic model.

    Attributes:
        win_rate: In percent.
        length_effect: The model's phi: above 0 if longer outputs win more often.
    """

    kind: Literal["length"] = "length"
    judge: Name
    task: str = ""
    split: Name
    system: Name
    reference: Name
    win_rate: Interval | None
    length_effect: float

    @property
    def judges(self) -> tuple[str, ...]:
        """The judge alone."""
        return (self.judge,)


JudgingEntry: TypeAlias = (
    PairFigures | ControlFigures | AgreementFigures | PanelFigures | CorrectedFigures | LengthFigures
)

_KINDS: dict[str, type[JudgingEntry]] = {
    "pairs": PairFigures,
    "control": ControlFigures,
    "panel": PanelFigures,
    "agreement": AgreementFigures,
    "corrected": CorrectedFigures,
    "length": LengthFigures,
}


def read_entry(content: object, place: str = "") -> JudgingEntry:
    """An entry of any kind.

    Raises:
        WrongField: The first field that does not hold what it should.
    """
    if not isinstance(content, dict):
        raise WrongField(place, content, "a mapping")
    if "kind" not in content:
        raise MissingField(place, "kind")
    kind = content["kind"]
    if not isinstance(kind, str) or kind not in _KINDS:
        raise WrongField(f"{place}.kind", kind, f"one of {', '.join(_KINDS)}")
    return _KINDS[kind].from_json(content, place)


def pair_entries(entries: Iterable[JudgingEntry]) -> list[PairFigures]:
    """The entries that sum up a judge on a system and split."""
    return [entry for entry in entries if isinstance(entry, PairFigures)]
