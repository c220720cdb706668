"""What the judges of two runs are worth, before a verdict or a comparison rests on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gisteval.errors import InvalidRun
from gisteval.gate.sides import Side
from gisteval.judging.study import Study, study_judge


@dataclass(frozen=True)
class Bench:
    """One judge as the runs of both sides know it; a run is studied once. studies: by the run's folder."""

    studies: Mapping[Path, Study]

    def study(self, side: Side) -> Study:
        """The judge's verdicts in a side's run."""
        return self.studies[side.run.path]

    def veto(self, sides: Sequence[Side], splits: Sequence[str]) -> str:
        """The first veto on the judge, in a line; empty without one."""
        for side in sides:
            trust = self.study(side).trust
            for split in splits:
                found = trust.veto(side.system, split)
                if found is not None:
                    return f"judge {trust.judge} of {side.run.path} is under veto: {found.text}"
        return ""

    def check(self, sides: Sequence[Side], splits: Sequence[str]) -> None:
        """Raise InvalidRun if the judge is under veto in one of the runs."""
        veto = self.veto(sides, splits)
        if veto:
            raise InvalidRun(f"{veto}: no verdict rests on it")

    @property
    def doubt(self) -> str:
        """Why the judge can't be told from guessing; empty if it can in one of the runs, or is untested."""
        found = [study.trust for study in self.studies.values()]
        doubts = [trust.doubt for trust in found if trust.doubt]
        return doubts[0] if len(doubts) == len(found) else ""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What could be tested in neither run."""
        found = [study.trust.caveats for study in self.studies.values()]
        return tuple(text for text in found[0] if all(text in others for others in found[1:]))


def bench_of(sides: Sequence[Side], judge: str) -> Bench:
    """A judge's verdicts in the runs of all sides."""
    return Bench({side.run.path: study_judge(side.run, judge) for side in sides})
