"""From the verdicts in a run folder to figures: the one place that counts what judges said.

`results.json` stores these figures. Tables and figures read them there; the gate computes them anew with
the same functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gisteval.errors import InvalidRun, counted
from gisteval.judging.evidence import Evidence
from gisteval.judging.protocol import Matchup
from gisteval.judging.summary import JudgeSummary, control_figures, summarize
from gisteval.judging.veto import Trust, judge_trust, stated_trust
from gisteval.records.judge_figures import ControlFigures, JudgingEntry, pair_entries
from gisteval.records.run_folder import RunFolder
from gisteval.records.samples import sampled
from gisteval.records.schema import Verdict

REFERENCE = "reference"
"""The kind and the name of the judge that compares scores of texts and sees no order."""


def matchups(folder: RunFolder, finished: bool = True) -> Iterator[Matchup]:
    """Yield every system against its positive control, split by split.

    The control against itself comes first.

    Args:
        folder: The run.
        finished: Whether every system must have as many outputs as the run's results rest on. False for a
            reader that takes what is there.

    Raises:
        InvalidRun: The run is to be finished, and a system has fewer outputs.
    """
    references = folder.references
    rows = [row for row in folder.results() if row.judge is None] if finished else []
    failures = {(row.system, row.split): row.failures for row in rows}
    for split in folder.splits:
        asked = sampled(folder.examples(split), folder.manifest().samples)
        examples = {example.answer_id: example for example in asked}
        task = next(iter(examples.values())).task
        outputs: dict[str, dict[str, str]] = {}
        for system in sorted(references, key=lambda name: references[name] != name):
            reference = references[system]
            for name in (system, reference):
                if name not in outputs:
                    outputs[name] = folder.read_outputs(name, split)
                    without_output = examples.keys() - outputs[name].keys()
                    without_output -= folder.not_asked(name, split)
                    missing = len({examples[pair].content_id for pair in without_output})
                    if missing > failures.get((name, split), missing):
                        raise InvalidRun(
                            f"{folder.generations(name)} lacks {counted(missing, 'example')} of {split}: "
                            "run that run's command again"
                        )
            references_of_system = folder.read_references(system, split)
            yield Matchup(
                task,
                split,
                system,
                reference,
                {
                    pair: replace(example, output=references_of_system[pair])
                    if pair in references_of_system
                    else example
                    for pair, example in examples.items()
                },
                outputs[system],
                outputs[reference],
            )
            if system not in references.values():
                del outputs[system]


def verdicts_on(folder: RunFolder, judge: str, matchup: Matchup) -> list[Verdict]:
    """Read a judge's verdicts on the pairs of a matchup.

    The verdicts come in the order of the examples, so that no figure depends on the order in which replies
    arrived, not even in its last digit. Replies are replaced by empty texts: only their presence counts.
    """
    positions = {pair: position for position, pair in enumerate(matchup.pairs)}
    verdicts = (
        replace(verdict, reply="") if verdict.reply else verdict
        for verdict in folder.read_verdicts(judge, matchup.system, matchup.split)
        if verdict.pair in positions
    )
    return sorted(verdicts, key=lambda verdict: (positions[verdict.pair], verdict.order, verdict.purpose))


class Study:
    """What one judge's verdicts in a run come to. Matchups are added as they are read.

    Attributes:
        judge: The name that the verdicts bear.
        summaries: The verdicts on each system and split, summed up.
        controls: The control against itself, one entry a split.
    """

    def __init__(self, folder: RunFolder, judge: str) -> None:
        """Start with no verdicts."""
        self.judge = judge
        self.summaries: dict[tuple[str, str], JudgeSummary] = {}
        self.controls: list[ControlFigures] = []
        facts = folder.judges.get(judge)
        kind = (facts.kind if facts else "") or judge
        self._sees_order = kind != REFERENCE
        self._negatives = negative_controls(folder)
        self._evidence = Evidence()

    def add(self, matchup: Matchup, verdicts: list[Verdict]) -> JudgeSummary | None:
        """Count the judge's verdicts on a matchup.

        Returns:
            Their summary; None if there are none, and for the control against itself.
        """
        if not verdicts:
            return None
        self._evidence.add(matchup, verdicts, matchup.system in self._negatives)
        if matchup.system == matchup.reference:
            figures = control_figures(self.judge, matchup, verdicts)
            self.controls += [figures] if figures else []
            return None
        summary = summarize(self.judge, matchup, verdicts)
        self.summaries[matchup.system, matchup.split] = summary
        return summary

    @property
    def trust(self) -> Trust:
        """Whether the judge can be relied on, judging by all that was added."""
        entries = [summary.figures() for summary in self.summaries.values()]
        return judge_trust(self.judge, entries, self._evidence, self._negatives, self._sees_order)


def study_judge(folder: RunFolder, judge: str) -> Study:
    """Study all of a judge's verdicts in a run.

    Raises:
        GistevalError: Records are damaged.
    """
    study = Study(folder, judge)
    for matchup in matchups(folder, finished=False):
        study.add(matchup, verdicts_on(folder, judge, matchup))
    return study


def negative_controls(folder: RunFolder) -> dict[str, str | None]:
    """Return the run's negative controls by name: trained, untrained, or None where that is not known."""
    return {system.name: system.control for system in folder.systems if system.role == "negative"}


def trusts(folder: RunFolder, entries: Sequence[JudgingEntry]) -> dict[str, Trust]:
    """Return the trust in each judge as results.json states it, or else as the verdicts show it.

    Results of older versions state none. A report on them must not be more trusting for that.
    """
    stated = stated_trust(entries)
    judges = dict.fromkeys(entry.judge for entry in pair_entries(entries))
    return {judge: stated.get(judge) or study_judge(folder, judge).trust for judge in judges}
