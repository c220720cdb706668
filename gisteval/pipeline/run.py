"""`gisteval run`: suites and a task in, a run folder out. Resumes whatever is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gisteval.config import RunConfig
from gisteval.errors import GistevalError, InvalidRun
from gisteval.generation import Answer, NotFinite, Outcome, TooLong, answer_all
from gisteval.models.base import PromptModel
from gisteval.models.checkpoint import Checkpoint
from gisteval.models.loading import load_placed
from gisteval.models.memory import is_out_of_memory
from gisteval.pipeline.bench import Bench, JudgeOptions, prepare
from gisteval.pipeline.identity import signature, versions
from gisteval.pipeline.judge import check_answers, take_looks
from gisteval.pipeline.judged import update_judging
from gisteval.pipeline.plan import Plan, output_folder, plan_run, run_identity
from gisteval.pipeline.scoring import Scored, collect, result_rows
from gisteval.registry import COMPRESSORS
from gisteval.report.build import build_report
from gisteval.run_folder import RunFolder
from gisteval.schema import Example, Generation, ResultRow
from gisteval.selfcheck import check_cached_path
from gisteval.store import RecordWriter
from gisteval.suite import System

if TYPE_CHECKING:
    import pandas as pd

CHECKED_EXAMPLES = 6
CHECK_POOL = 64
"""Examples a split that the self-check chooses from."""


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and its numbers. judging: the figures of its judges."""

    folder: Path
    rows: tuple[ResultRow, ...]
    notes: tuple[str, ...]
    judging: tuple[dict[str, Any], ...] = ()

    @property
    def results(self) -> pd.DataFrame:
        """The rows of results.json as a DataFrame."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self.rows])


def run(config: RunConfig, command: Sequence[str] = ()) -> Run:
    """Evaluate and write the run folder. Raises GistevalError; whatever was computed is kept."""
    plan = plan_run(config)
    if config.profile:
        from gisteval.pipeline.profile_model import check_timeable

        check_timeable(plan.suites[0])
    bench = None if config.judge == "none" else prepare(JudgeOptions(judge=config.judge))
    if bench is not None:
        bench.check_access()
    folder = RunFolder(output_folder(plan))
    with folder.held():
        return _evaluate(plan, folder, bench, command)


def _evaluate(plan: Plan, folder: RunFolder, bench: Bench | None, command: Sequence[str]) -> Run:
    config = plan.config
    folder.claim(_manifest(plan, command), plan.examples)
    try:
        failures = _generate(plan, folder)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise  # batches are halved, so this is of loading or the self-check
        raise GistevalError(
            "out of memory: what was written is kept; try --dtype bfloat16, another --device, "
            "--device-map auto or --quantize int8"
        ) from error
    rows = tuple(_score(plan, folder, failures))
    stamp = signature(
        {
            "task": f"{plan.task.name}-v{plan.task.definition.version}",
            "metric": "rougeL-stem-meanF1",
            "ci": "cluster-t-95",
            "retention": "cluster-bootstrap-10000",
            "seed": config.seed,
            "gisteval": versions()["gisteval"],
        }
    )
    notes = [*plan.notes, *_failure_notes(failures)]
    folder.write_results(rows, stamp, failures, notes)
    if bench is not None:
        take_looks(folder, bench)
    judging = update_judging(folder)
    try:
        if config.profile:
            from gisteval.pipeline.profile_model import profile_run

            profile_run(plan, folder.path)
    finally:
        build_report([folder], folder.path / "report")
    if bench is not None:
        check_answers(bench.label, [entry for entry in judging if entry.get("judge") == bench.label])
    return Run(folder.path, tuple(folder.results()), folder.notes, tuple(judging))


def _manifest(plan: Plan, command: Sequence[str]) -> dict[str, Any]:
    references = plan.references
    return {
        "identity": run_identity(plan),
        "config": plan.config.to_json(),
        "command": list(command),
        "versions": versions(),
        "device": str(plan.placement.device),
        "device_map": plan.placement.device_map,
        "dtype": next(iter(plan.identities.values())).dtype,
        "quantize": plan.placement.quantize,
        "notes": list(plan.notes),
        "systems": [
            {
                "name": system.name,
                "role": system.role,
                "reference": references[system.name],
                "evaluated": system.name in plan.evaluated,
                "condition": system.condition,
                "control": system.control,
                "compressor": system.compressor,
                "budget": system.budget,
                "k": system.checkpoint.record.k,
                "checkpoint": str(system.checkpoint.path),
                "weights": plan.identities[system.name].weights,
                "loss": system.checkpoint.record.training.get("loss", []),
            }
            for system in plan.systems
        ],
        "splits": {split: len(found) for split, found in plan.examples.items()},
        "self_check": {},
        "judges": {},
    }


def _generate(plan: Plan, folder: RunFolder) -> dict[tuple[str, str], list[TooLong]]:
    """Fill in the missing records, system by system; each set of weights is loaded once in a row."""
    from gisteval.pipeline.progress import progress_bar

    failures: dict[tuple[str, str], list[TooLong]] = {}
    loaded: tuple[Checkpoint, PromptModel] | None = None
    ordered = sorted(plan.systems, key=lambda s: (str(s.checkpoint.path), s.checkpoint.record.k))
    total = sum(len(found) for found in plan.examples.values())
    with progress_bar() as bar:
        for system in ordered:
            if _is_complete(plan, system, folder):
                continue
            if loaded is None or loaded[0] != system.checkpoint:
                loaded = None  # free the old weights before the new ones are read
                loaded = (system.checkpoint, load_placed(system.checkpoint, plan.placement))
            model = loaded[1]
            _self_check(plan, system, model, folder)
            task = bar.add_task(system.name, total=total)
            for split, examples in plan.examples.items():
                for batch in _split(plan, system, model, split, examples, folder):
                    bad = [item for item in batch if isinstance(item, TooLong)]
                    failures.setdefault((system.name, split), []).extend(bad)
                    bar.advance(task, len(batch))
            bar.update(task, completed=total)
    for items in failures.values():
        items.sort(key=lambda item: item.example.id)
    return failures


def _is_complete(plan: Plan, system: System, folder: RunFolder) -> bool:
    """True if every record of a checked system is there, so its weights need not be loaded."""
    identity = plan.identities[system.name]
    return system.name in folder.manifest()["self_check"] and all(
        folder.known_keys(system.name, split).issuperset(map(identity.key, examples))
        for split, examples in plan.examples.items()
    )


def _self_check(plan: Plan, system: System, model: PromptModel, folder: RunFolder) -> None:
    pool: list[Example] = []
    for found in plan.examples.values():
        pool += islice((example for example in found if model.fits(example)), CHECK_POOL)
    by_length = sorted(pool, key=lambda e: len(e.instruction) + len(e.input))
    step = max(1, len(by_length) // CHECKED_EXAMPLES)
    chosen = by_length[::step][:CHECKED_EXAMPLES]
    try:
        check = check_cached_path(
            model,
            COMPRESSORS.load(system.compressor)(),
            system.budget,
            system.checkpoint.record.leak_window,
            chosen,
        )
    except InvalidRun as error:
        raise InvalidRun(f"{system.name}: {error}") from error
    folder.note_self_check(system.name, check.to_json())


def _split(
    plan: Plan,
    system: System,
    model: PromptModel,
    split: str,
    examples: Sequence[Example],
    folder: RunFolder,
) -> Iterator[list[Outcome]]:
    """Answers of one system on one split; new ones are on disk before they are yielded.

    Raises InvalidRun at an example whose logits are no numbers, after the others of its batch are written.
    """
    identity = plan.identities[system.name]
    keys = [identity.key(example) for example in examples]
    path = folder.generations(system.name)
    known = folder.known_keys(system.name, split)
    done = {index for index, key in enumerate(keys) if key in known}
    compressor = COMPRESSORS.load(system.compressor)()
    with RecordWriter(path) as writer:
        batches = answer_all(model, compressor, system.budget, examples, plan.decoding, done)
        for batch in batches:
            records = []
            for answer in batch:
                if isinstance(answer, Answer):
                    key = identity.key(answer.example)
                    if key not in known:
                        known.add(key)
                        records.append(asdict(_record(key, system, split, answer)))
            writer.write(records)
            for item in batch:
                if isinstance(item, NotFinite):
                    raise InvalidRun(
                        f"{system.name} on {item.example.id}: the logits are not finite: the weights are "
                        "damaged or overflow, try --dtype float32; what was written is kept"
                    )
            yield batch


def _record(key: str, system: System, split: str, answer: Answer) -> Generation:
    example = answer.example
    return Generation(
        key=key,
        example=example.id,
        content=example.content_id,
        task=example.task,
        split=split,
        system=system.name,
        condition=system.condition,
        control=system.control,
        compressor=system.compressor,
        k=system.checkpoint.record.k,
        output=answer.output,
        output_tokens=answer.output_tokens,
        finished=answer.finished,
        source_tokens=answer.source_tokens,
        template_tokens=answer.template_tokens,
        kept=answer.kept,
        bytes=answer.bytes,
        nll=None if answer.nll is None else float(f"{answer.nll:.6g}"),
        target_tokens=answer.target_tokens,
    )


def _score(
    plan: Plan, folder: RunFolder, failures: Mapping[tuple[str, str], Sequence[TooLong]]
) -> Iterator[ResultRow]:
    for split, examples in plan.examples.items():
        controls: dict[str, Scored | None] = {}

        def scored(
            system: System, split: str = split, examples: Sequence[Example] = examples
        ) -> Scored | None:
            failed = {item.example.content_id for item in failures.get((system.name, split), ())}
            return collect(examples, folder.read_generations(system.name, split), failed)

        for suite in plan.suites:
            for control in (suite.positive, suite.negative):
                if control.name not in controls:
                    controls[control.name] = scored(control)
        seen: set[str] = set()
        for suite in plan.suites:
            positive, negative = controls[suite.positive.name], controls[suite.negative.name]
            for system in suite.systems:
                own = controls[system.name] if system.name in controls else scored(system)
                if own is not None and system.name not in seen:
                    seen.add(system.name)
                    yield from result_rows(own, positive, negative, plan.config.seed)


def _failure_notes(failures: Mapping[tuple[str, str], Sequence[TooLong]]) -> list[str]:
    notes = []
    for (system, split), items in failures.items():
        if items:
            worst = max(items, key=lambda item: item.needed)
            names = ", ".join(item.example.id for item in items[:5])
            more = ", ..." if len(items) > 5 else ""
            notes.append(
                f"{system} on {split}: {len(items)} examples exceed the context of {worst.context} "
                f"tokens and have no output ({names}{more}; the longest needs {worst.needed})."
            )
    return notes
