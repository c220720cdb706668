"""From verdicts in a run's folder to its results and report, for every judge it has heard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gisteval.errors import InvalidRun, counted
from gisteval.judging.pairs import pair_scores
from gisteval.judging.panel import side_by_side
from gisteval.judging.parsing import AT_THE_LIMIT
from gisteval.judging.protocol import Contest
from gisteval.judging.summary import Judged, control_figures, main_looks, sum_up
from gisteval.judging.win_rate import Labels
from gisteval.report.build import build_report
from gisteval.run_folder import RunFolder
from gisteval.schema import ResultRow, Verdict

MOST_MISSING = 2.0
"""Percent of looks without an answer above which a judge's run supports no conclusion."""


def contests(folder: RunFolder) -> Iterator[Contest]:
    """Every system against its positive control, split by split; the control against itself comes first.

    Raises InvalidRun if a system has fewer outputs than the run's results rest on.
    """
    references = folder.references
    rows = [row for row in folder.results() if row.metric == "exact_match"]
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


def is_cut(verdict: Verdict) -> bool:
    """Whether the reply ended at its limit of tokens, so that it makes no choice."""
    return verdict.choice == "invalid" and (verdict.error or "").startswith(AT_THE_LIMIT)


def unanswered(errors: int, invalid: int, cut: int) -> str:
    """Looks without an answer, by why. cut: those of the invalid ones that ended at the limit of tokens."""
    limit = f", {cut} cut at the token limit" if cut else ""
    return f"{errors} failed{limit}, {invalid - cut} can't be read"


def write_judging(folder: RunFolder) -> list[dict[str, Any]]:
    """Bring results.json and the report up to date with all verdicts of the folder's judges.

    Returns the entries of the block `judging`.
    """
    entries = update_judging(folder)
    build_report([folder], folder.path / "report")
    return entries


def update_judging(folder: RunFolder) -> list[dict[str, Any]]:
    """Bring results.json up to date, and return the entries of its block `judging`."""
    rows: list[ResultRow] = []
    entries: list[dict[str, Any]] = []
    summaries: list[Judged] = []
    cut: dict[int, int] = {}
    labels = {
        system["name"]: Labels(system["condition"], system["control"], system["compressor"], system["k"])
        for system in folder.systems
    }
    references = folder.references
    negatives = {
        references[system["name"]]: system["name"]
        for system in folder.systems
        if system["role"] == "negative" and system["name"] in references
    }
    for contest in contests(folder):
        scores = {}
        for judge in folder.judges:
            verdicts = _verdicts(folder, judge, contest)
            if not verdicts:
                continue
            if contest.system == contest.reference:
                figures = control_figures(judge, contest, verdicts)
                entries += [figures] if figures else []
                continue
            scores[judge] = pair_scores(main_looks(verdicts))
            summary = sum_up(judge, contest, verdicts)
            cut[len(summaries)] = sum(map(is_cut, main_looks(verdicts)))
            summaries.append(summary)
            entries.append(summary.to_json())
            negative = negatives.get(contest.reference, contest.system)
            lower = folder.read_verdicts(judge, negative, contest.split)
            rows += summary.rows(labels[contest.system], verdicts, list(lower))
        if contest.system != contest.reference:
            for judge in folder.judges_of(contest.system):  # those made elsewhere, too
                if judge not in scores:
                    scores[judge] = pair_scores(main_looks(_verdicts(folder, judge, contest)))
            entries += side_by_side(contest, scores)
    _note_gaps(folder, summaries, cut)
    known = [f"{name}@{facts['identity'][:8]}" for name, facts in folder.judges.items()]
    folder.write_judging(rows, entries, "+".join(known) or "none")
    return entries


def _verdicts(folder: RunFolder, judge: str, contest: Contest) -> list[Verdict]:
    """A judge's verdicts on pairs of a contest. Long replies are dropped, only their presence counts."""
    pairs = contest.pairs
    return [
        replace(verdict, reply=None if verdict.reply is None else "")
        for verdict in folder.read_verdicts(judge, contest.system, contest.split)
        if verdict.pair in pairs
    ]


def _note_gaps(folder: RunFolder, summaries: list[Judged], cut: Mapping[int, int]) -> None:
    """What a report must say of pairs that a judge was not asked about, or gave no answer on."""
    for judge, facts in folder.judges.items():
        notes = [facts["note"]] if facts["note"] else []
        for number, found in enumerate(summaries):
            if found.judge != judge or facts["kind"] == "human":
                continue
            where = f"{judge} on {found.contest.system}, {found.contest.split}"
            if found.pairs < len(found.contest.pairs):
                pairs = counted(len(found.contest.pairs), "pair is", "pairs are")
                notes.append(f"{where}: {found.pairs} of {pairs} judged so far.")
            if found.missing_share > MOST_MISSING:
                notes.append(
                    f"{where}: {found.missing_share:.1f}% of the looks have no answer "
                    f"({unanswered(found.errors, found.invalid, cut[number])}): no conclusion holds."
                )
        folder.note_judge(judge, {**facts, "notes": notes})
