"""From verdicts in a run's folder to its results and report, for every judge it has heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gisteval.errors import counted
from gisteval.judging.checks import MOST_MISSING
from gisteval.judging.pairs import pair_scores
from gisteval.judging.panel import side_by_side
from gisteval.judging.study import Study, contests, verdicts_on
from gisteval.judging.summary import main_looks, unanswered
from gisteval.judging.win_rate import Labels
from gisteval.records.judge_figures import JudgingEntry, PairFigures
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import ResultRow
from gisteval.report.build import build_report


def write_judging(folder: RunFolder) -> list[JudgingEntry]:
    """Bring results.json and the report up to date with all verdicts of the folder's judges.

    Returns the entries of the block `judging`.
    """
    entries = update_judging(folder)
    build_report([folder], folder.path / "report")
    return entries


def update_judging(folder: RunFolder) -> list[JudgingEntry]:
    """Bring results.json up to date, and return the entries of its block `judging`."""
    rows: list[ResultRow] = []
    entries: list[JudgingEntry] = []
    studies = {judge: Study(folder, judge) for judge in folder.judges}
    labels = {
        system.name: Labels(system.condition, system.control, system.compressor, system.k)
        for system in folder.systems
    }
    references = folder.references
    negatives = {
        references[system.name]: system.name
        for system in folder.systems
        if system.role == "negative" and system.name in references
    }
    for contest in contests(folder):
        scores = {}
        for judge, study in studies.items():
            verdicts = verdicts_on(folder, judge, contest)
            summary = study.add(contest, verdicts)
            if summary is None:
                continue
            scores[judge] = pair_scores(main_looks(verdicts))
            entries.append(summary.figures())
            negative = negatives.get(contest.reference, contest.system)
            lower = folder.read_verdicts(judge, negative, contest.split)
            rows += summary.rows(labels[contest.system], verdicts, list(lower))
        if contest.system != contest.reference:
            for judge in folder.judges_of(contest.system):  # those made elsewhere, too
                if judge not in scores:
                    scores[judge] = pair_scores(main_looks(verdicts_on(folder, judge, contest)))
            entries += side_by_side(contest, scores)
    entries += [control for study in studies.values() for control in study.controls]
    trusts = {judge: study.trust for judge, study in studies.items()}
    entries = [
        trusts[entry.judge].stated(entry) if isinstance(entry, PairFigures) else entry for entry in entries
    ]
    _note_gaps(folder, studies)
    known = [f"{name}@{facts.identity[:8]}" for name, facts in folder.judges.items()]
    folder.write_judging(rows, entries, "+".join(known) or "none")
    return entries


def _note_gaps(folder: RunFolder, studies: Mapping[str, Study]) -> None:
    """What a report must say of pairs that a judge was not asked about, and of a judge under veto."""
    for judge, facts in folder.judges.items():
        notes = [facts.note] if facts.note else []
        study = studies[judge]
        for found in study.judged.values():
            if facts.kind == "human":
                continue
            where = f"{judge} on {found.contest.system}, {found.contest.split}"
            if found.pairs < len(found.contest.pairs):
                pairs = counted(len(found.contest.pairs), "pair is", "pairs are")
                notes.append(f"{where}: {found.pairs} of {pairs} judged so far.")
            if found.missing_share > MOST_MISSING:
                notes.append(
                    f"{where}: {found.missing_share:.1f}% of the looks have no answer "
                    f"({unanswered(found.errors, found.invalid, found.cut)}): no conclusion holds."
                )
        trust = study.trust
        for text in trust.reasons:
            notes.append(f"Judge {judge} is under veto: {text}. No conclusion rests on it.")
        if facts.kind != "human":
            notes += [f"Judge {judge}: {text}." for text in trust.caveats]
        if trust.doubt:
            notes.append(
                f"Judge {judge}: too few looks to tell it from guessing ({trust.doubt}). No conclusion "
                "rests on it."
            )
        folder.note_judge(judge, replace(facts, notes=tuple(notes)))
