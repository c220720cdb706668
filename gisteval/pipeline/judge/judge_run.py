"""`gisteval judge`: judges a run folder, and continues where an earlier call stopped.

A folder and a judge go in. Verdicts, win rates and the report come out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path

from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.files.cache import cache_folder
from gisteval.judging.cache import ReplyCache
from gisteval.judging.checks import MOST_MISSING
from gisteval.judging.client import ask_all
from gisteval.judging.parameters import LIMIT_ALIASES, ParameterRefused
from gisteval.judging.protocol import Comparison, Matchup, comparisons
from gisteval.judging.reference import reference_reply
from gisteval.judging.replies import Reply
from gisteval.judging.study import matchups
from gisteval.judging.summary import unanswered
from gisteval.judging.veto import stated_trust
from gisteval.logs import progress, run_log
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.judge.prepared import PreparedJudge, prepare_judge, refusal_note
from gisteval.pipeline.judge.results import write_judging
from gisteval.pipeline.judge.verdict_log import VerdictLog
from gisteval.pipeline.progress import working
from gisteval.records.judge_figures import JudgingEntry, pair_entries
from gisteval.records.manifest import JudgeFacts
from gisteval.records.run_folder import RunFolder

PROGRESS_STEP = 20
"""Comparisons between two updates of the progress bar. An update takes longer than a cached comparison."""

CACHE_QUERY = 500
"""Comparisons that are looked up in the cache at a time."""

log = logging.getLogger(__name__)


def judge_run(path: Path, options: JudgeOptions) -> list[JudgingEntry]:
    """Judge a finished run. Comparisons that have a verdict are not made again.

    Verdicts and report are saved even if an error follows.

    Args:
        path: The run's folder.
        options: The judge.

    Returns:
        The judge's entries of results.json.

    Raises:
        GistevalError: Something is wrong that the user can correct.
        InvalidRun: The server was given up, or the judge is under veto.
    """
    RunFolder.open(path).results()
    prepared = prepare_judge(options)
    prepared.check_access()
    with RunFolder.editing(path) as folder, run_log(path):
        if judge_missing(folder, prepared):
            progress.info("writing the report")
        entries = [entry for entry in write_judging(folder) if entry.judges == (prepared.label,)]
    check_trust(path, entries)
    return entries


def check_answers(label: str, entries: Sequence[JudgingEntry]) -> None:
    """Check that a judge answered nearly all comparisons.

    Raises:
        InvalidRun: More than 2% have no answer.
    """
    pairs = pair_entries(entries)
    asked, cut = sum(entry.looks for entry in pairs), sum(entry.cut for entry in pairs)
    errors, invalid = sum(entry.errors for entry in pairs), sum(entry.invalid for entry in pairs)
    missing = errors + invalid
    if 100.0 * missing > MOST_MISSING * asked:
        limit = "max_completion_tokens=N (max_new_tokens for a local judge)"
        advice = f"; --judge-param {limit} allows longer replies" if cut else ""
        raise InvalidRun(
            f"judge {label} gave no answer to {missing} of {counted(asked, 'comparison')} "
            f"({unanswered(errors, invalid, cut)}), more than {MOST_MISSING:g}%: run the same command "
            f"again to repeat failed requests; unreadable replies are in verdicts/{advice}"
        )


def check_trust(path: Path, entries: Sequence[JudgingEntry]) -> None:
    """Check that conclusions may rest on a judge.

    Args:
        path: The run's folder.
        entries: The judge's entries of results.json.

    Raises:
        InvalidRun: The judge gave too few answers, or is under veto.
    """
    report = path / "report" / "report.md"
    for judge, trust in stated_trust(entries).items():
        check_answers(judge, entries)
        if trust.vetoes:
            raise InvalidRun(f"{trust.summary}: no conclusion rests on it (see {report})")


Scope = Callable[[Matchup], Collection[str]]
"""Says which pairs of a matchup are judged."""


def judge_missing(folder: RunFolder, prepared: PreparedJudge, scope: Scope | None = None) -> int:
    """Make every comparison that has no verdict in the folder yet, and write its verdict.

    A parameter that the server refuses before its first reply is left out, and the manifest says so.

    Args:
        folder: The run.
        prepared: The judge.
        scope: The pairs to judge. Default: those within the judge's limit.

    Returns:
        The number of comparisons that were made.
    """
    if not folder.references:
        raise GistevalError(f"{folder.path} has no positive control to judge against")
    prepared = as_asked_before(folder, prepared)
    while True:
        try:
            return _judge_missing(folder, prepared, scope or within_limit(prepared))
        except ParameterRefused as refusal:
            name = refusal.name
            if has_verdicts(folder, prepared) or LIMIT_ALIASES.get(name) in prepared.dropped:
                raise
            prepared = prepared.without_refused(name, refusal.reason)
            log.warning("judge %s: %s (%s)", prepared.label, refusal_note(name), refusal.reason)


def within_limit(prepared: PreparedJudge) -> Scope:
    """Return the scope of --limit: the first pairs of each system and split."""
    return lambda matchup: set(islice(matchup.pairs, prepared.options.limit))


def as_asked_before(folder: RunFolder, prepared: PreparedJudge) -> PreparedJudge:
    """Return the judge without the parameters that its server refused in an earlier call on this run.

    A parameter that has another value now was never refused, so it is sent.
    """
    before = folder.judges.get(prepared.label, JudgeFacts())
    reduced = prepared
    for name, dropped in before.dropped.items():
        if reduced.parameter(name) != dropped.value:
            return prepared
        try:
            reduced = reduced.without_refused(name, dropped.reason)
        except GistevalError:  # a flag leaves it out
            return prepared
    return reduced if reduced.identity == before.identity else prepared


def has_verdicts(folder: RunFolder, prepared: PreparedJudge) -> bool:
    """Whether the run holds verdicts under this judge's label."""
    return any(folder.verdicts(prepared.label, system).exists() for system in folder.references)


def record_judge(folder: RunFolder, prepared: PreparedJudge) -> None:
    """Write the judge into the manifest.

    Raises:
        GistevalError: The run holds verdicts of another judge under the same label.
    """
    facts, before = prepared.facts(), folder.judges.get(prepared.label)
    files = [folder.verdicts(prepared.label, system) for system in folder.references]
    if before and before.identity != facts.identity and any(file.exists() for file in files):
        parts = ("model", "base_url", "version")
        differ = [part for part in parts if getattr(before, part) != getattr(facts, part)]
        raise GistevalError(
            f"{folder.path} holds verdicts of another judge {prepared.label} (its "
            f"{', '.join(differ) or 'prompt or parameters'} differ): remove {files[0].parent}/"
            f"{files[0].name.split('--')[0]}--*.jsonl to judge anew, or judge a copy of the run"
        )
    folder.note_judge(prepared.label, facts)


def _judge_missing(folder: RunFolder, prepared: PreparedJudge, scope: Scope) -> int:
    record_judge(folder, prepared)
    with VerdictLog(folder, prepared) as verdict_log, working() as work:
        name = f"comparisons by judge {prepared.label}"
        task = work.begin(name)
        total = len(folder.references) * len(folder.splits)
        count = 0

        def to_ask() -> Iterator[Comparison]:
            nonlocal count
            for number, matchup in enumerate(matchups(folder), 1):
                work.rename(task, f"{name} ({matchup.system} on {matchup.split}, {number} of {total})")
                for place, comparison in enumerate(without_verdict(folder, prepared, matchup, scope), 1):
                    if not count:
                        progress.info("asking judge %s", prepared.label)
                    count += 1
                    if place % PROGRESS_STEP == 0:
                        work.advance(task, PROGRESS_STEP)
                    if comparison.equal and comparison.purpose != "aa":
                        verdict_log.add(comparison.verdict(prepared.label, "tie", None))
                    else:
                        yield comparison

        _ask(prepared, to_ask(), verdict_log)
    return count


def without_verdict(
    folder: RunFolder, prepared: PreparedJudge, matchup: Matchup, scope: Scope
) -> Iterator[Comparison]:
    """The comparisons of a matchup that have no verdict yet; an error counts as none."""
    identity, orders = prepared.identity, prepared.judge.orders
    repeat_share = prepared.judge.definition.again
    verdicts = folder.read_verdicts(prepared.label, matchup.system, matchup.split)
    is_done = {verdict.key: verdict.choice != "error" for verdict in verdicts}
    if is_done:
        expected = {comparison.key for comparison in comparisons(matchup, identity, orders, repeat_share)}
        foreign = is_done.keys() - expected
        if foreign:
            file = folder.verdicts(prepared.label, matchup.system)
            raise GistevalError(
                f"{file} holds {counted(len(foreign), 'verdict')} on other texts than this run's, or by "
                "another judge: move that file away and judge again"
            )
    wanted = scope(matchup)
    for comparison in comparisons(matchup, identity, orders, repeat_share):
        if comparison.pair in wanted and not is_done.get(comparison.key):
            is_done[comparison.key] = True  # an example that occurs twice is asked about once
            yield comparison


def _ask(prepared: PreparedJudge, to_ask: Iterator[Comparison], verdict_log: VerdictLog) -> None:
    kind = prepared.judge.definition.kind
    if prepared.options.executor == "ray":
        from gisteval.pipeline.judge.on_ray import ask_ray

        ask_ray(prepared, to_ask, verdict_log.answered)
    elif kind == "reference":
        for comparison in to_ask:
            verdict_log.answered(comparison, Reply(reference_reply(comparison), 0, 0))
    elif kind == "local":
        from gisteval.pipeline.judge.local import ask_local

        assert prepared.model is not None
        ask_local(prepared, to_ask, verdict_log.answered)
    else:
        assert prepared.endpoint is not None
        with ReplyCache(prepared.options.cache or default_cache()) as cache:
            verdict_log.cache = cache
            try:
                uncached = _uncached(to_ask, verdict_log)
                ask_all(prepared.judge, prepared.endpoint, prepared.price, uncached, verdict_log.answered)
            finally:
                verdict_log.close_cache()


def _uncached(to_ask: Iterator[Comparison], verdict_log: VerdictLog) -> Iterator[Comparison]:
    """Answer from the cache what it knows, and yield the rest."""
    while batch := list(islice(to_ask, CACHE_QUERY)):
        replies = verdict_log.known([comparison.key for comparison in batch])
        for comparison in batch:
            reply = replies.get(comparison.key)
            if reply is None or not verdict_log.remembered(comparison, reply):
                yield comparison


def default_cache() -> Path:
    """Return the file of replies that all runs share."""
    return cache_folder("verdicts.sqlite")
