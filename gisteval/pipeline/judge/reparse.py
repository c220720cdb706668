"""Reading stored replies again with the current parser; nothing is asked and nothing is paid."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.judging.definition import Definition
from gisteval.judging.parsing import interpret
from gisteval.logs import run_log
from gisteval.pipeline.judge.judge_run import as_asked_before, record_judge
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.judge.prepared import PreparedJudge, prepare_judge
from gisteval.pipeline.judge.results import write_judging
from gisteval.records.judge_figures import JudgingEntry
from gisteval.records.lines import to_json
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Verdict
from gisteval.records.store import write_atomic


@dataclass(frozen=True, slots=True)
class Reparsed:
    """What reading stored replies again came to.

    Attributes:
        read: Replies that were read.
        changed: Replies that are read differently now.
        entries: The judge's entries of results.json.
    """

    read: int
    changed: int
    entries: list[JudgingEntry]


def reparse_run(path: Path, options: JudgeOptions) -> Reparsed:
    """Read every stored reply of a judge again, and bring the results up to date.

    Args:
        path: The run's folder.
        options: The judge.

    Raises:
        GistevalError: The run has no verdicts of that judge.
    """
    with RunFolder.editing(path) as folder, run_log(path):
        return _reparse(folder, prepare_judge(options))


def _reparse(folder: RunFolder, prepared: PreparedJudge) -> Reparsed:
    folder.results()
    files = [folder.verdicts(prepared.label, system) for system in folder.references]
    if not any(file.exists() for file in files):
        raise GistevalError(f"{folder.path} has no verdicts of judge {prepared.label}: judge it first")
    prepared = as_asked_before(folder, prepared)
    record_judge(folder, prepared)
    read = changed = 0
    for system in folder.references:
        before = list(folder.file_verdicts(prepared.label, system))
        after = [_read_again(prepared.judge.definition, verdict) for verdict in before]
        read += sum(verdict.reply is not None for verdict in before)
        differing = sum(old != new for old, new in zip(before, after, strict=True))
        changed += differing
        if differing:
            lines = (json.dumps(to_json(v), ensure_ascii=False, sort_keys=True) + "\n" for v in after)
            write_atomic(folder.verdicts(prepared.label, system), "".join(lines))
    entries = [entry for entry in write_judging(folder) if entry.judges == (prepared.label,)]
    return Reparsed(read, changed, entries)


def _read_again(definition: Definition, verdict: Verdict) -> Verdict:
    """A verdict as the current parser reads its reply; without a reply it stays as it is."""
    if verdict.reply is None:
        return verdict
    choice, error = interpret(definition, verdict.reply, verdict.order, verdict.finish_reason)
    return replace(verdict, choice=choice, error=error)
