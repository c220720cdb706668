"""Reading stored replies again, with the parser of today: nothing is asked and nothing paid."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.judging.parsing import cut_short, read_reply
from gisteval.logs import run_log
from gisteval.pipeline.judge.bench import Bench, JudgeOptions, prepare
from gisteval.pipeline.judge.judge_run import as_asked, claim
from gisteval.pipeline.judge.judged import write_judging
from gisteval.records.judge_figures import JudgingEntry
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import to_json
from gisteval.records.store import write_atomic


@dataclass(frozen=True, slots=True)
class Reparsed:
    """Replies read, how many are read differently now, and the judge's entries of results.json."""

    read: int
    changed: int
    entries: list[JudgingEntry]


def reparse_run(path: Path, options: JudgeOptions) -> Reparsed:
    """Read every stored reply of a judge again and bring the results up to date.

    Raises GistevalError if the run has no verdicts of that judge.
    """
    with RunFolder.editing(path) as folder, run_log(path):
        return _reparse(folder, prepare(options))


def _reparse(folder: RunFolder, bench: Bench) -> Reparsed:
    folder.results()
    files = [folder.verdicts(bench.label, system) for system in folder.references]
    if not any(file.exists() for file in files):
        raise GistevalError(f"{folder.path} has no verdicts of judge {bench.label}: judge it first")
    bench = as_asked(folder, bench)
    claim(folder, bench)
    read = changed = 0
    for system in folder.references:
        lines, before = [], changed
        for verdict in folder.file_verdicts(bench.label, system):
            if verdict.reply is not None:
                read += 1
                definition, ended = bench.judge.definition, verdict.finish_reason
                choice = read_reply(definition, verdict.reply, verdict.order, ended)
                reason = cut_short(definition, verdict.reply, ended) if choice == "invalid" else None
                changed += (choice, reason) != (verdict.choice, verdict.error)
                verdict = replace(verdict, choice=choice, error=reason)
            lines.append(json.dumps(to_json(verdict), ensure_ascii=False, sort_keys=True) + "\n")
        if changed > before:
            write_atomic(folder.verdicts(bench.label, system), "".join(lines))
    entries = [entry for entry in write_judging(folder) if entry.judges == (bench.label,)]
    return Reparsed(read, changed, entries)
