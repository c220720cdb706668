"""Whether a judge can be relied on in all runs that a verdict or a comparison rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gisteval.errors import InvalidRun
from gisteval.gate.sides import Side
from gisteval.judging.study import Study, study_judge


class UnderVeto(InvalidRun):
    """The judge is under veto, so no verdict rests on it."""


@dataclass(frozen=True)
class JudgeStudies:
    """One judge's verdicts in the runs of both sides. A run that both sides share is studied once.

    Attributes:
        by_folder: The study of each run, by the run's folder.
    """

    by_folder: Mapping[Path, Study]

    def study(self, side: Side) -> Study:
        """Return the study of the judge in a side's run."""
        return self.by_folder[side.run.path]

    def veto(self, sides: Sequence[Side], splits: Sequence[str]) -> str:
        """Return the first veto on the judge, on one line; empty if there is none."""
        for side in sides:
            trust = self.study(side).trust
            for split in splits:
                veto = trust.veto(side.system, split)
                if veto is not None:
                    return f"judge {trust.judge} of {side.run.path} is under veto: {veto.text}"
        return ""

    def check(self, sides: Sequence[Side], splits: Sequence[str]) -> None:
        """Check that the judge is under veto in none of the runs.

        Raises:
            UnderVeto: It is, in one of them.
        """
        veto = self.veto(sides, splits)
        if veto:
            raise UnderVeto(f"{veto}: no verdict rests on it")

    @property
    def doubt(self) -> str:
        """Why the judge can't be told from guessing; empty if it can in one of the runs, or is untested."""
        doubts = [study.trust.doubt for study in self.by_folder.values()]
        return doubts[0] if all(doubts) else ""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What could be tested in none of the runs."""
        first, *others = (study.trust.caveats for study in self.by_folder.values())
        return tuple(text for text in first if all(text in caveats for caveats in others))


def judge_studies(sides: Sequence[Side], judge: str) -> JudgeStudies:
    """Study a judge's verdicts in the runs of all sides."""
    return JudgeStudies({side.run.path: study_judge(side.run, judge) for side in sides})
