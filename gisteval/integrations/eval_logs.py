"""A finished run as the files of other evaluation tools: lm-eval's results, and Inspect's logs.

Both know one model a file, so each system of the run has its own. A split is a task of theirs. Scores are
shares from 0 to 1, as these tools have them; what isn't in percent stays in its unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gisteval.errors import MissingExtra
from gisteval.files.names import file_name
from gisteval.metrics import metric as find_metric
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, ResultRow
from gisteval.records.store import write_atomic, write_json
from gisteval.scores.facts import run_metrics
from gisteval.scores.lines import ScoredOutput
from gisteval.scores.repeats import read_scores


@dataclass(frozen=True, slots=True)
class SystemSplit:
    """One system on one split.

    Attributes:
        system: The system.
        task: Task and split, as these tools name a task.
        rows: Its rows of results.json.
        outputs: Its outputs with their values.
    """

    system: str
    task: str
    rows: tuple[ResultRow, ...]
    outputs: tuple[ScoredOutput, ...]


def parts(run: RunFolder) -> Iterator[tuple[str, list[SystemSplit]]]:
    """Yield each system with what it answered, split by split. Raises GistevalError for damaged records."""
    rows, metrics = run.results(), run_metrics(run)
    examples = {split: tuple(run.examples(split)) for split in run.splits}
    for system in run.systems:
        own = []
        for split, items in examples.items():
            found = tuple(row for row in rows if (row.system, row.split) == (system.name, split))
            if found:
                outputs = tuple(read_scores(run, system.name, split, items, metrics))
                own.append(SystemSplit(system.name, f"{found[0].task}_{split}", found, outputs))
        yield system.name, own


def as_share(metric: str, value: float) -> float:
    """A value in these tools' unit."""
    return value / 100 if find_metric(metric).unit == "percent" else value


def write_lm_eval(run: RunFolder, folder: Path) -> list[Path]:
    """Write `<system>/results_<time>.json` and `samples_<task>_<time>.jsonl`, as lm-eval does.

    Returns:
        The files.
    """
    written = []
    for system, own in parts(run):
        place = folder / file_name(system)
        stamp = _time_of(run).isoformat().replace(":", "-")
        for part in own:
            samples = place / f"samples_{file_name(part.task)}_{stamp}.jsonl"
            write_json_lines(samples, [_lm_eval_sample(output) for output in part.outputs])
            written.append(samples)
        results = place / f"results_{stamp}.json"
        write_json(results, _lm_eval_results(run, system, own))
        written.append(results)
    return written


def write_json_lines(path: Path, lines: Sequence[Mapping[str, object]]) -> None:
    """Write one object a line."""
    import json

    write_atomic(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def _lm_eval_results(run: RunFolder, system: str, own: Sequence[SystemSplit]) -> dict[str, object]:
    manifest = run.manifest()
    results: dict[str, dict[str, object]] = {}
    higher: dict[str, dict[str, bool]] = {}
    for part in own:
        values: dict[str, object] = {"alias": part.task}
        for row in part.rows:
            name = row.measured
            values[f"{name},none"] = as_share(row.metric, row.value)
            values[f"{name}_stderr,none"] = "N/A"  # our intervals are no multiples of a standard error
            if find_metric(row.metric).graded or find_metric(row.metric).paired:
                higher.setdefault(part.task, {})[name] = find_metric(row.metric).sign > 0
        results[part.task] = values
    return {
        "results": results,
        "group_subtasks": {part.task: [] for part in own},
        "configs": {part.task: {"task": part.task, "output_type": "generate_until"} for part in own},
        "versions": {part.task: "gisteval" for part in own},
        "n-shot": {part.task: 0 for part in own},
        "higher_is_better": higher,
        "n-samples": {part.task: {"original": part.rows[0].n, "effective": part.rows[0].n} for part in own},
        "config": {"model": "gisteval", "model_args": f"system={system}", **dict(manifest.config)},
        "date": _time_of(run).timestamp(),
        "model_name": system,
        "model_name_sanitized": file_name(system),
        "model_source": "gisteval",
    }


def _lm_eval_sample(output: ScoredOutput) -> dict[str, object]:
    example = output.example
    values = {name: as_share(name, value) for name, value in output.values.items()}
    return {
        "doc_id": example.id,
        "doc": {"instruction": example.instruction, "input": example.input, "output": example.output},
        "target": example.output,
        "arguments": [[_asked(example), {}]],
        "resps": [[sample.generation.output for sample in output.samples or (output,) if sample]],
        "filtered_resps": [output.generation.output],
        "filter": "none",
        "metrics": list(values),
        **values,
    }


def write_inspect(run: RunFolder, folder: Path) -> list[Path]:
    """Write a `.eval` log for each system and split, which `inspect view` opens.

    Returns:
        The files.

    Raises:
        MissingExtra: inspect_ai is not installed.
    """
    try:
        from inspect_ai.log import write_eval_log
    except ImportError as error:
        raise MissingExtra("inspect_ai", "inspect") from error
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    for _, own in parts(run):
        for part in own:
            path = folder / f"{file_name(f'{part.task}_{part.system}')}.eval"
            write_eval_log(_inspect_log(run, part), str(path))
            written.append(path)
    return written


def _inspect_log(run: RunFolder, part: SystemSplit) -> Any:
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalMetric,
        EvalResults,
        EvalScore,
        EvalSpec,
        EvalStats,
    )

    ids: list[str | int] = [output.example.id for output in part.outputs]
    done = _time_of(run).isoformat(timespec="seconds")
    spec = EvalSpec(
        created=done,
        run_id=run.path.resolve().name,
        task=part.task,
        task_id=f"{part.task}_{part.system}",
        model=f"gisteval/{part.system}",
        dataset=EvalDataset(name=part.task, samples=len(ids), sample_ids=ids),
        config=EvalConfig(),
        packages=dict(run.manifest().versions),
    )
    scores = []
    for row in part.rows:
        ends = {"ci_low": row.ci_low, "ci_high": row.ci_high}
        numbers = {"mean": row.value, **{name: end for name, end in ends.items() if end is not None}}
        metrics = {
            name: EvalMetric(name=name, value=as_share(row.metric, value))
            for name, value in numbers.items()
        }
        scores.append(EvalScore(name=row.measured, scorer=row.measured, metrics=metrics))
    results = EvalResults(total_samples=len(ids), completed_samples=len(ids), scores=scores)
    samples = [_inspect_sample(part.system, output) for output in part.outputs]
    stats = EvalStats(started_at=done, completed_at=done)  # a run has no time of its own for each split
    return EvalLog(status="success", eval=spec, results=results, stats=stats, samples=samples)


def _inspect_sample(system: str, output: ScoredOutput) -> Any:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessageUser, ModelOutput
    from inspect_ai.scorer import Score

    example, text = output.example, output.generation.output
    answer = ModelOutput.from_content(f"gisteval/{system}", text)
    return EvalSample(
        id=example.id,
        epoch=1,
        input=_asked(example),
        target=example.output,
        messages=[ChatMessageUser(content=_asked(example)), answer.message],
        output=answer,
        scores={
            name: Score(value=as_share(name, value), answer=text) for name, value in output.values.items()
        },
        metadata={"split": example.split, "kept": output.generation.kept},
    )


def _asked(example: Example) -> str:
    return f"{example.instruction}\n\n{example.input}" if example.input else example.instruction


def _time_of(run: RunFolder) -> datetime:
    """When the results were written."""
    return datetime.fromtimestamp((run.path / "results.json").stat().st_mtime, UTC)


WRITERS: dict[str, Callable[[RunFolder, Path], list[Path]]] = {
    "inspect": write_inspect,
    "lm-eval": write_lm_eval,
}
"""What a run can be written as."""
