"""A diagnosis from its options to its folder: passes, rows, tables, figures and pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gisteval.config import RunConfig
from gisteval.errors import GistevalError, counted, did_you_mean
from gisteval.files.names import readable_name
from gisteval.logs import progress, run_log
from gisteval.options import checked_fields, described
from gisteval.pipeline.diagnose.bench import Bench
from gisteval.pipeline.diagnose.measures import TAKES
from gisteval.pipeline.diagnose.options import DiagnoseOptions
from gisteval.pipeline.identity import signature, versions
from gisteval.pipeline.run.plan import Plan, model_names, plan_run, run_identity
from gisteval.records.diagnosis import Diagnosed, Diagnosis, DiagnosticRow, read_diagnosis
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import digest
from gisteval.records.store import only_writer
from gisteval.report.build import build_report
from gisteval.report.diagnosis.page import write_diagnosis_page

ELSEWHERE = {"executor", "ray_address", "num_workers", "gpus_per_worker", "profile", "diagnose", "output"}
"""Fields of a run's configuration that say where it was made: a diagnosis is made in this process."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A diagnosis that was made, and its page."""

    diagnosis: Diagnosis
    page: Path


def diagnose(options: DiagnoseOptions, command: Sequence[str] = ()) -> Finished:
    """Take the measures and write the diagnosis.

    Args:
        options: What to diagnose.
        command: The command line.

    Raises:
        GistevalError: The run's checkpoints changed, a model can't be loaded or measured. Observations
            that were made are kept, and the same command goes on with them.
    """
    run = None if options.run is None else RunFolder.open(options.run)
    plan = plan_run(options.config()) if run is None else plan_of(run, options)
    later = None
    if options.reader is not None:
        later = plan_run(replace(plan.config, models=(options.reader,), pos_control=None, neg_control=None))
    plan, notes = on_splits(plan, options.splits)
    folder = _output(plan, options) if run is None else run.path
    with only_writer(folder), run_log(folder):
        finished = diagnose_plan(Bench(plan, folder, later), options.measures, command, notes)
        if run is not None:
            build_report([run], run.path / "report")
    return finished


def diagnose_run(plan: Plan, folder: Path, command: Sequence[str]) -> Finished:
    """Diagnose what a run has just evaluated, with all measures; its folder is held by the run.

    Args:
        plan: Of the run.
        folder: Of the run.
        command: The command line.
    """
    part, notes = on_splits(plan)
    return diagnose_plan(Bench(part, folder), DiagnoseOptions(run=folder).measures, command, notes)


def diagnose_plan(
    bench: Bench, measures: Sequence[str], command: Sequence[str], notes: Sequence[str] = ()
) -> Finished:
    """Take the measures on what a plan evaluates, and write the diagnosis; the folder is held already.

    Args:
        bench: The systems and examples, and the folder.
        measures: The names of the measures.
        command: The command line.
        notes: What a reader must know beside the plan's own notes.
    """
    diagnosis = _measured(bench, measures, command, notes)
    diagnosis.write(bench.folder)
    progress.info("writing the diagnosis")
    return Finished(diagnosis, write_diagnosis_page(diagnosis, bench.folder))


def on_splits(plan: Plan, wanted: Sequence[str] = ()) -> tuple[Plan, tuple[str, ...]]:
    """A plan on some of its splits, and a note if they were not chosen.

    Args:
        plan: On all splits of a run, or of a task.
        wanted: Names of splits. By default the split with the fewest examples is taken.

    Raises:
        GistevalError: The plan has no such split.
    """
    there = plan.examples
    for name in wanted:
        if name not in there:
            raise GistevalError(
                f"split {name!r} was not evaluated{did_you_mean(name, there)}: choose from "
                f"{', '.join(there)}"
            )
    chosen = tuple(wanted) or (min(there, key=lambda name: len(there[name])),)
    part = replace(plan, examples={name: there[name] for name in chosen})
    if wanted or len(there) == 1:
        return part, ()
    count = counted(len(there[chosen[0]]), "example")
    return part, (
        f"Diagnosed on {chosen[0]} alone, which has the fewest examples ({count}) of {', '.join(there)}: "
        "--split names others.",
    )


def plan_of(run: RunFolder, options: DiagnoseOptions) -> Plan:
    """The plan that made a run.

    Raises:
        GistevalError: The run was not made here, or its checkpoints or task are not what they were.
    """
    manifest = run.manifest()
    if any(system.checkpoint is None for system in manifest.systems) or not manifest.config:
        raise GistevalError(f"{run.path} holds outputs made elsewhere: diagnose the model, with --model")
    known = {name for item in described(RunConfig).values() for name in (item.name, item.flag)}
    stated = {
        name: value
        for name, value in manifest.config.items()
        if value is not None and (name in known or name == "budget") and name not in ELSEWHERE
    }
    given = {"device": options.device, "dtype": options.dtype}
    changed = {
        name: value for name, value in given.items() if value != described(DiagnoseOptions)[name].default
    }
    config = RunConfig(**checked_fields(RunConfig, {**stated, **changed}, ""))
    plan = plan_run(config)
    found, made = run_identity(plan), manifest.identity
    if found.examples != made.examples:
        raise GistevalError(f"{run.path}: the task's examples are not the run's: diagnose with --model")
    moved = [name for name, made_by in made.systems.items() if found.systems.get(name) != made_by]
    if moved and not changed:
        raise GistevalError(
            f"{run.path}: {', '.join(moved)} changed since the run was made: make the run again, or "
            "diagnose with --model"
        )
    return plan


def _measured(
    bench: Bench, wanted: Sequence[str], command: Sequence[str], notes: Sequence[str]
) -> Diagnosis:
    """The measures that were asked for, and those of before on the same systems and examples."""
    before = read_diagnosis(bench.folder)
    identity = _identity(bench.plan)
    kept = before if before is not None and before.identity == identity else None
    plans = [bench.plan, *([bench.later] if bench.later else [])]
    weights = {name: of.weights for plan in plans for name, of in plan.identities.items()}
    summaries = {name: TAKES[name](bench) for name in wanted}
    measures = tuple(name for name in TAKES if name in summaries or (kept and name in kept.measures))
    rows: list[DiagnosticRow] = []
    findings: list[Diagnosed] = []
    for name in measures:
        taken = summaries.get(name)
        rows += taken.rows if taken else kept.of(name) if kept else ()
        findings += (
            taken.findings if taken else [f for f in kept.findings if f.measure == name] if kept else []
        )
    return Diagnosis(
        signature=signature(
            {
                "task": bench.plan.task.name,
                "ci": "gaffke-95",
                "ci-unbounded": "cluster-t-hall-95",
                "share": "test-inversion-95",
                "gisteval": versions()["gisteval"],
            }
        ),
        identity=identity,
        command=tuple(command),
        measures=measures,
        weights=weights,
        rows=tuple(rows),
        findings=tuple(findings),
        notes=(*bench.plan.notes, *notes, *_skipped(bench, measures)),
    )


def _skipped(bench: Bench, measures: Sequence[str]) -> tuple[str, ...]:
    """What a measure could not look at."""
    task = bench.plan.task
    if "leakage" not in measures or task.definition.paraphrases is not None:
        return ()
    return (f"Task {task.name} has no paraphrases of its instructions, so none is tried.",)


def _output(plan: Plan, options: DiagnoseOptions) -> Path:
    if options.output:
        return Path(options.output)
    name = readable_name(f"diagnosis-{model_names(plan.config)}-{plan.task.name}")
    return Path("runs") / f"{name}-{_identity(plan)[:8]}"


def _identity(plan: Plan) -> str:
    return digest([str(sorted(run_identity(plan).to_json().items()))])
