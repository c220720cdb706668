"""From the verdicts in a run's folder to figures: the one place that counts what judges said.

`results.json` keeps what is found here; tables and figures read it there, and the gate asks again here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gisteval.errors import InvalidRun, counted
from gisteval.judging.evidence import Evidence
from gisteval.judging.protocol import Contest
from gisteval.judging.summary import Judged, control_figures, sum_up
from gisteval.judging.veto import Trust, judge_trust, stated_trust
from gisteval.records.judge_figures import ControlFigures, JudgingEntry, pair_entries
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Verdict

REFERENCE = "reference"
"""The kind of judge, and the name of the one, that compares scores of texts and sees no order."""


def contests(folder: RunFolder, finished: bool = True) -> Iterator[Contest]:
    """Every system against its positive control, split by split; the control against itself comes first.

    Raises InvalidRun if a system has fewer outputs than the run's results rest on; not if `finished` is
    False, for a reader that looks at what is there.
    """
    references = folder.references
    rows = [row for row in folder.results() if row.metric == "exact_match"] if finished else []
    without = {(row.system, row.split): row.failures for row in rows}
    for split in folder.splits:
        examples = {example.content_id: example for example in folder.examples(split)}
        task = next(iter(examples.values())).task
        outputs: dict[str, dict[str, str]] = {}
        for system in sorted(references, key=lambda name: references[name] != name):
            reference = references[system]
            for name in (system, reference):
                if name not in outputs:
                    outputs[name] = folder.read_outputs(name, split)
                    lacking = examples.keys() - outputs[name].keys()
                    missing = len(lacking - folder.not_asked(name, split))
                    if missing > without.get((name, split), missing):
                        raise InvalidRun(
                            f"{folder.generations(name)} lacks {counted(missing, 'example')} of {split}: "
                            "run that run's command again"
                        )
            own = folder.read_references(system, split)
            yield Contest(
                task,
                split,
                system,
                reference,
                {pair: replace(e, output=own.get(pair, e.output)) for pair, e in examples.items()},
                outputs[system],
                outputs[reference],
            )
            if system not in references.values():
                del outputs[system]


def verdicts_on(folder: RunFolder, judge: str, contest: Contest) -> list[Verdict]:
    """A judge's verdicts on pairs of a contest, in the order of its examples; a later look comes last.

    The order of the lines is that of the replies, and no figure may depend on it, not in its last digit.
    Long replies are dropped, only their presence counts.
    """
    pairs = {pair: place for place, pair in enumerate(contest.pairs)}
    found = (
        replace(verdict, reply=None if verdict.reply is None else "")
        for verdict in folder.read_verdicts(judge, contest.system, contest.split)
        if verdict.pair in pairs
    )
    return sorted(found, key=lambda verdict: (pairs[verdict.pair], verdict.order, verdict.purpose))


class Study:
    """What one judge's verdicts in a run come to; contests are added as they are read."""

    def __init__(self, folder: RunFolder, judge: str) -> None:
        self.judge = judge
        self.judged: dict[tuple[str, str], Judged] = {}
        self.controls: list[ControlFigures] = []
        facts = folder.judges.get(judge)
        self._sees_order = ((facts.kind if facts else "") or judge) != REFERENCE
        self._negatives = negative_controls(folder)
        self._evidence = Evidence()

    def add(self, contest: Contest, verdicts: list[Verdict]) -> Judged | None:
        """Count the judge's verdicts on a contest; None for the control against itself."""
        if not verdicts:
            return None
        self._evidence.add(contest, verdicts, contest.system in self._negatives)
        if contest.system == contest.reference:
            figures = control_figures(self.judge, contest, verdicts)
            self.controls += [figures] if figures else []
            return None
        found = sum_up(self.judge, contest, verdicts)
        self.judged[contest.system, contest.split] = found
        return found

    @property
    def trust(self) -> Trust:
        """Whether the judge can be relied on, by all that was added."""
        entries = [found.figures() for found in self.judged.values()]
        return judge_trust(self.judge, entries, self._evidence, self._negatives, self._sees_order)


def study_judge(folder: RunFolder, judge: str) -> Study:
    """All of a judge's verdicts in a run. Raises GistevalError for damaged records."""
    study = Study(folder, judge)
    for contest in contests(folder, finished=False):
        study.add(contest, verdicts_on(folder, judge, contest))
    return study


def negative_controls(folder: RunFolder) -> dict[str, str | None]:
    """The run's negative controls by name: trained, untrained or not known."""
    return {system.name: system.control for system in folder.systems if system.role == "negative"}


def trusts(folder: RunFolder, entries: Sequence[JudgingEntry]) -> dict[str, Trust]:
    """By judge, what the entries of results.json state; of a judge of which they don't, what is found now.

    Results of an older version state nothing; a report of them must not be more trusting for that.
    """
    found = stated_trust(entries)
    judges = dict.fromkeys(entry.judge for entry in pair_entries(entries))
    return {judge: found.get(judge) or study_judge(folder, judge).trust for judge in judges}
