"""`gisteval judge`: a run's folder and a judge in, verdicts, win rates and the report out. Resumes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.judging.cache import Reply, ReplyCache
from gisteval.judging.checks import MOST_MISSING
from gisteval.judging.client import ask_all
from gisteval.judging.parameters import LIMITS, ParameterRefused
from gisteval.judging.protocol import Contest, Look, looks
from gisteval.judging.reference import reference_reply
from gisteval.judging.study import contests
from gisteval.judging.summary import unanswered
from gisteval.judging.veto import stated_trust
from gisteval.logs import progress, run_log
from gisteval.pipeline.judge.bench import Bench, JudgeOptions, left_out, prepare
from gisteval.pipeline.judge.judged import write_judging
from gisteval.pipeline.judge.verdict_log import VerdictLog
from gisteval.pipeline.progress import working
from gisteval.records.judge_figures import JudgingEntry, pair_entries
from gisteval.records.manifest import JudgeFacts
from gisteval.records.run_folder import RunFolder

BAR_STEP = 20
"""Looks between two movements of the progress bar, which take longer than a cached look."""

log = logging.getLogger(__name__)

LOOKED_UP = 500
"""Looks that are looked up in the cache at a time."""


def judge_run(path: Path, options: JudgeOptions) -> list[JudgingEntry]:
    """Judge a finished run; what is known is not asked again. The judge's entries of results.json.

    Raises GistevalError for what can be mended, and InvalidRun if the server gave up or the judge is under
    veto. Verdicts and report are kept in every case.
    """
    RunFolder.open(path).results()
    bench = prepare(options)
    bench.check_access()
    with RunFolder.editing(path) as folder, run_log(path):
        if take_looks(folder, bench):
            progress.info("writing the report")
        mine = [entry for entry in write_judging(folder) if entry.judges == (bench.label,)]
    check_trust(path, mine)
    return mine


def check_answers(label: str, entries: Sequence[JudgingEntry]) -> None:
    """Raise InvalidRun if more than 2% of a judge's looks have no answer."""
    pairs = pair_entries(entries)
    looks, cut = sum(entry.looks for entry in pairs), sum(entry.cut for entry in pairs)
    errors, invalid = sum(entry.errors for entry in pairs), sum(entry.invalid for entry in pairs)
    missing = errors + invalid
    if 100.0 * missing > MOST_MISSING * looks:
        raise InvalidRun(
            f"judge {label} gave no answer to {missing} of {counted(looks, 'look')} "
            f"({unanswered(errors, invalid, cut)}), more than {MOST_MISSING:g}%: "
            "the same command asks again where it failed; replies that can't be read stand in verdicts/"
            + ("; --judge-param max_completion_tokens=N (locally max_new_tokens) gives room" if cut else "")
        )


def check_trust(path: Path, entries: Sequence[JudgingEntry]) -> None:
    """Raise InvalidRun if the judge of these entries gave too few answers, or is under veto."""
    report = path / "report" / "report.md"
    for judge, trust in stated_trust(entries).items():
        check_answers(judge, entries)
        if trust.vetoes:
            raise InvalidRun(f"{trust.summary}: no conclusion rests on it (see {report})")


def take_looks(folder: RunFolder, bench: Bench) -> int:
    """Take every look that has no verdict in the folder yet, and write its verdict. How many there were.

    A parameter that the server refuses before its first reply is left out, which the manifest says.
    """
    if not folder.references:
        raise GistevalError(f"{folder.path} has no positive control to judge against")
    bench = as_asked(folder, bench)
    while True:
        try:
            return _take_looks(folder, bench)
        except ParameterRefused as refusal:
            name = refusal.name
            if has_verdicts(folder, bench) or LIMITS.get(name) in bench.dropped:
                raise
            bench = bench.dropping(name, refusal.reason)
            log.warning("judge %s: %s (%s)", bench.label, left_out(name), refusal.reason)


def as_asked(folder: RunFolder, bench: Bench) -> Bench:
    """The judge without the parameters that its server refused when it was asked about this run before.

    One that has another value now was never refused, and is sent.
    """
    before = folder.judges.get(bench.label, JudgeFacts())
    asked = bench
    for name, dropped in before.dropped.items():
        if asked.sent(name) != dropped.value:
            return bench
        try:
            asked = asked.dropping(name, dropped.reason)
        except GistevalError:  # a flag has left it out
            return bench
    return asked if asked.identity == before.identity else bench


def has_verdicts(folder: RunFolder, bench: Bench) -> bool:
    """Whether the run holds verdicts of this judge's name."""
    return any(folder.verdicts(bench.label, system).exists() for system in folder.references)


def _take_looks(folder: RunFolder, bench: Bench) -> int:
    claim(folder, bench)
    with VerdictLog(folder, bench) as writer, working() as work:
        task = work.begin(f"looks of judge {bench.label}")
        count = len(folder.references) * len(folder.splits)
        taken = 0

        def missing() -> Iterator[Look]:
            nonlocal taken
            for place, contest in enumerate(contests(folder), 1):
                at = f"{contest.system} on {contest.split}, {place} of {count}"
                work.rename(task, f"looks of judge {bench.label} ({at})")
                for number, look in enumerate(_missing(folder, bench, contest), 1):
                    if not taken:
                        progress.info("asking judge %s", bench.label)
                    taken += 1
                    if number % BAR_STEP == 0:
                        work.advance(task, BAR_STEP)
                    if look.equal and look.purpose != "aa":
                        writer.add(look.verdict(bench.label, "tie", None))
                    else:
                        yield look

        _ask(bench, missing(), writer)
    return taken


def claim(folder: RunFolder, bench: Bench) -> None:
    """Note the judge in the manifest. Raises GistevalError if its name's verdicts are another judge's."""
    facts, before = bench.facts(), folder.judges.get(bench.label)
    files = [folder.verdicts(bench.label, system) for system in folder.references]
    if before and before.identity != facts.identity and any(file.exists() for file in files):
        parts = ("model", "base_url", "version")
        differ = [part for part in parts if getattr(before, part) != getattr(facts, part)]
        raise GistevalError(
            f"{folder.path} holds verdicts of another judge {bench.label} (its "
            f"{', '.join(differ) or 'prompt or parameters'} differ): remove {files[0].parent}/"
            f"{files[0].name.split('--')[0]}--*.jsonl to judge anew, or judge a copy of the run"
        )
    folder.note_judge(bench.label, facts)


def _missing(folder: RunFolder, bench: Bench, contest: Contest) -> Iterator[Look]:
    """The looks of a contest that have no verdict yet; a failed one has none."""
    share = bench.judge.definition.again
    found = folder.read_verdicts(bench.label, contest.system, contest.split)
    known = {verdict.key: verdict.choice != "error" for verdict in found}
    if known:
        wanted = {look.key for look in looks(contest, bench.identity, bench.judge.orders, share)}
        foreign = known.keys() - wanted
        if foreign:
            file = folder.verdicts(bench.label, contest.system)
            raise GistevalError(
                f"{file} holds {counted(len(foreign), 'verdict')} on other texts than this run's, or of "
                "another judge: move that file away and judge again"
            )
    limit = bench.options.limit
    chosen = set(islice(contest.pairs, limit))
    for look in looks(contest, bench.identity, bench.judge.orders, share):
        if look.pair in chosen and not known.get(look.key):
            known[look.key] = True  # an example that is there twice is asked about once
            yield look


def _ask(bench: Bench, todo: Iterator[Look], writer: VerdictLog) -> None:
    kind = bench.judge.definition.kind
    if bench.options.executor == "ray":
        from gisteval.pipeline.judge.on_ray import ask_ray

        ask_ray(bench, todo, writer.answered)
    elif kind == "reference":
        for look in todo:
            writer.answered(look, Reply(reference_reply(look), 0, 0))
    elif kind == "local":
        from gisteval.pipeline.judge.local import ask_local

        assert bench.model is not None
        ask_local(bench, todo, writer.answered)
    else:
        assert bench.endpoint is not None
        with ReplyCache(bench.options.cache or default_cache()) as cache:
            writer.cache = cache
            try:
                unknown = _uncached(todo, writer)
                ask_all(bench.judge, bench.endpoint, bench.price, unknown, writer.answered)
            finally:
                writer.close_cache()


def _uncached(todo: Iterator[Look], writer: VerdictLog) -> Iterator[Look]:
    """Answer what was paid for before; the rest is left to be asked."""
    while part := list(islice(todo, LOOKED_UP)):
        found = writer.known([look.key for look in part])
        for look in part:
            if look.key not in found or not writer.remembered(look, found[look.key]):
                yield look


def default_cache() -> Path:
    """Where replies are kept across runs."""
    import pooch

    return Path(pooch.os_cache("gisteval")) / "verdicts.sqlite"
