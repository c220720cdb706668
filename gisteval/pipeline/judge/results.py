"""From the verdicts in a run folder to its results and report, for all judges of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from gisteval.errors import counted
from gisteval.judging.checks import MOST_MISSING
from gisteval.judging.corrected import CorrectedJudge, correct, corrected_entries
from gisteval.judging.human import HUMAN
from gisteval.judging.length_control import length_controlled
from gisteval.judging.pairs import PairScore, pair_scores
from gisteval.judging.panel import side_by_side
from gisteval.judging.protocol import Matchup
from gisteval.judging.study import Study, matchups, verdicts_on
from gisteval.judging.summary import JudgeSummary, main_verdicts, unanswered
from gisteval.judging.veto import Trust
from gisteval.judging.win_rate import Labels
from gisteval.pipeline.judge.sheets import chooser
from gisteval.records.judge_figures import JudgingEntry, LengthFigures, PairFigures
from gisteval.records.manifest import JudgeFacts
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import ResultRow, Verdict
from gisteval.report.build import build_report
from gisteval.scores.facts import negatives


def write_judging(folder: RunFolder) -> list[JudgingEntry]:
    """Bring results.json and the report up to date with all verdicts of the run.

    Returns:
        The entries of the block `judging`.
    """
    entries = update_judging(folder)
    build_report([folder], folder.path / "report")
    return entries


def update_judging(folder: RunFolder) -> list[JudgingEntry]:
    """Bring results.json up to date with all verdicts of the run.

    Returns:
        The entries of its block `judging`.
    """
    rows: list[ResultRow] = []
    entries: list[JudgingEntry] = []
    corrections: list[CorrectedJudge] = []
    lengths: list[LengthFigures | None] = []
    studies = {judge: Study(folder, judge) for judge in folder.judges}
    labels = {s.name: Labels(s.condition, s.control, s.compressor, s.k) for s in folder.systems}
    lower_controls = negatives(folder)

    @lru_cache(len(studies))  # the systems of a split follow each other, and most share a negative control
    def read_lower(judge: str, negative: str, split: str) -> list[Verdict]:
        return list(folder.read_verdicts(judge, negative, split))

    for matchup in matchups(folder):
        scores: dict[str, dict[str, PairScore]] = {}
        for judge, study in studies.items():
            verdicts = verdicts_on(folder, judge, matchup)
            summary = study.add(matchup, verdicts)
            if summary is None:
                continue
            scores[judge] = pair_scores(main_verdicts(verdicts))
            entries.append(summary.figures())
            if folder.judges[judge].kind not in ("reference", "human"):  # these don't sway by length
                lengths.append(length_controlled(judge, matchup, scores[judge]))
            negative = lower_controls.get(matchup.system, matchup.system)
            rows += summary.rows(
                labels[matchup.system], verdicts, read_lower(judge, negative, matchup.split)
            )
        if matchup.system != matchup.reference:
            _add_imported_judges(folder, matchup, scores)
            entries += side_by_side(matchup, scores)
            corrections += _corrections(folder, matchup, scores)
    entries += [control for study in studies.values() for control in study.controls]
    entries += corrected_entries(corrections, lower_controls)
    entries += [figures for figures in lengths if figures is not None]
    trusts = {judge: study.trust for judge, study in studies.items()}
    entries = [
        trusts[entry.judge].stated(entry) if isinstance(entry, PairFigures) else entry for entry in entries
    ]
    for judge, facts in folder.judges.items():
        notes = tuple(_notes(judge, facts, studies[judge], trusts[judge]))
        folder.note_judge(judge, replace(facts, notes=notes))
    names = [f"{judge}@{facts.identity[:8]}" for judge, facts in folder.judges.items()]
    folder.write_judging(rows, entries, "+".join(names) or "none")
    return entries


def _add_imported_judges(
    folder: RunFolder, matchup: Matchup, scores: dict[str, dict[str, PairScore]]
) -> None:
    """Add the scores of judges whose verdicts were made elsewhere."""
    for judge in folder.judges_of(matchup.system):
        if judge not in scores:
            scores[judge] = pair_scores(main_verdicts(verdicts_on(folder, judge, matchup)))


def _corrections(
    folder: RunFolder, matchup: Matchup, scores: Mapping[str, Mapping[str, PairScore]]
) -> Iterator[CorrectedJudge]:
    """The win rates of all judges that are not human, corrected where people labelled pairs."""
    if not any(judge.startswith(HUMAN) for judge in scores):
        return
    chosen_by = chooser(folder, matchup.system, matchup.split)
    for judge in scores:
        if not judge.startswith(HUMAN):
            found = correct(matchup, judge, scores, chosen_by)
            if found is not None:
                yield found


def _notes(judge: str, facts: JudgeFacts, study: Study, trust: Trust) -> Iterator[str]:
    """What every report must say about a judge: its note, what it did not judge, vetoes and doubts."""
    if facts.note:
        yield facts.note
    if facts.kind != "human":
        for summary in study.summaries.values():
            yield from _gaps(judge, summary)
    for text in trust.reasons:
        yield f"Judge {judge} is under veto: {text}. No conclusion rests on it."
    if facts.kind != "human":
        for text in trust.caveats:
            yield f"Judge {judge}: {text}."
    if trust.doubt:
        yield (
            f"Judge {judge}: there are too few comparisons to tell it from guessing ({trust.doubt}). No "
            "conclusion rests on it."
        )


def _gaps(judge: str, summary: JudgeSummary) -> Iterator[str]:
    """Pairs that a judge was not asked about, and comparisons that it did not answer."""
    where = f"{judge} on {summary.matchup.system}, {summary.matchup.split}"
    total = len(summary.matchup.pairs)
    if summary.pairs < total:
        yield f"{where}: {summary.pairs} of {counted(total, 'pair is', 'pairs are')} judged so far."
    if summary.missing_share > MOST_MISSING:
        yield (
            f"{where}: {summary.missing_share:.1f}% of the comparisons have no answer "
            f"({unanswered(summary.errors, summary.invalid, summary.cut)}), so no conclusion holds."
        )
