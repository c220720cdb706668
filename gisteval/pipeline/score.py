"""From a run's folder to its result rows: the one path of a run, an import and `gisteval score RUN`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from gisteval.logs import progress, run_log
from gisteval.metrics import unread
from gisteval.pipeline.identity import signature, versions
from gisteval.pipeline.judge.results import update_judging
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, ResultRow
from gisteval.records.store import RecordWriter
from gisteval.report.build import build_report
from gisteval.scores.facts import run_metrics, signature_parts
from gisteval.scores.lines import new_lines, stale
from gisteval.scores.rows import run_rows

BATCH = 256
"""Lines that are written at a time: what a stopped run loses at most."""

CARRIED = ("seed", "examples", "samples", "provenance")
"""Parts of the signature that the manifest states."""


def score(folder: RunFolder, made_elsewhere: Sequence[ResultRow] | None = None) -> list[ResultRow]:
    """Write a run's per-example values and its results.json, from what lies in its folder.

    Values that stand in scores/ are not computed again. The rows of the run's own judges are left to
    `update_judging`, which comes next.

    Args:
        folder: The run, held by this process.
        made_elsewhere: Rows of judges that the manifest doesn't know. Default: those of results.json.

    Raises:
        GistevalError: A record is damaged.
        InvalidRun: A record is missing, or a value is no finite number.
    """
    if made_elsewhere is None:
        before = folder.results() if (folder.path / "results.json").is_file() else []
        made_elsewhere = [row for row in before if row.judge and row.judge not in folder.judges]
    stamp = _stamp(folder)
    write_scores(folder)
    rows = [*run_rows(folder), *made_elsewhere]
    folder.write_results(rows, stamp)
    return rows


def score_run(path: Path) -> RunFolder:
    """Score a finished run again: values, rows, its judges' figures and the report.

    Raises GistevalError as `score` does, and if another process writes the folder.
    """
    with RunFolder.editing(path) as folder, run_log(path):
        progress.info("scoring")
        judged = "|judges:" in folder.signature
        score(folder)
        if judged:
            update_judging(folder)
        progress.info("writing the report")
        build_report([folder], folder.path / "report")
    return folder


def write_scores(folder: RunFolder) -> None:
    """Bring scores/*.jsonl up to date; a file with values of other metrics, or versions, is made anew."""
    for system in folder.systems:
        path = folder.scores(system.name)
        if stale(folder, system.name):
            path.unlink()
        lines = (line for split in folder.splits for line in new_lines(folder, system.name, split))
        while part := list(islice(lines, BATCH)):
            with RecordWriter(path) as writer:
                writer.write(part)


def unread_notes(examples: Mapping[str, Sequence[Example]]) -> Iterator[str]:
    """What a report must say of each split with references that ROUGE-L sees no word in."""
    for split, found in examples.items():
        blind = unread([example.output for example in found])
        if blind.count:
            instead = "rougeL-unicode, chrF and exact match read them"
            left_out = "; it is left out" if blind.too_many else ""
            yield f"{split}: {blind}{left_out}: {instead}."


def _stamp(folder: RunFolder) -> str:
    """How the numbers came about. A run of before its manifest said so keeps what its results state."""
    parts: Mapping[str, Any] = signature_parts(folder)
    if not parts:
        named = (part.partition(":") for part in folder.signature.split("|"))
        parts = {name: value for name, _, value in named if name in ("task", *CARRIED)}
    metrics = [metric.name for metric in run_metrics(folder) if metric.graded or metric.paired]
    rouge = {"metric": "rougeL-stem-meanF1"} if "rougeL" in metrics else {}
    named_by_task = {"metrics": "+".join(metrics)} if folder.manifest().metrics else {}
    recipe = {
        "ci": "gaffke-95",
        "ci-unbounded": "cluster-t-hall-95",
        "retention": "test-inversion-95",
    }
    return signature(
        {
            "task": parts.get("task", folder.manifest().identity.task),
            **rouge,
            **named_by_task,
            **recipe,
            **{name: parts[name] for name in CARRIED if name in parts},
            "gisteval": versions()["gisteval"],
        }
    )
