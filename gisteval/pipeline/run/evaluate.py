"""`gisteval run`: suites and a task in, a run folder out. Resumes whatever is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from gisteval.config import RunConfig
from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.executors.local import LocalExecutor
from gisteval.executors.work import Checked, Executor, Job, Settings, SystemWork
from gisteval.generation.outcomes import Failed, NotFinite, TooLong
from gisteval.logs import log_only, progress, run_log
from gisteval.models.running.memory import is_out_of_memory
from gisteval.pipeline.finished import Run
from gisteval.pipeline.identity import versions
from gisteval.pipeline.judge.judge_run import check_answers, judge_missing
from gisteval.pipeline.judge.prepared import PreparedJudge, judge_options, prepare_judge
from gisteval.pipeline.judge.results import update_judging
from gisteval.pipeline.progress import working
from gisteval.pipeline.run.manifest import run_manifest
from gisteval.pipeline.run.plan import Plan, output_folder, plan_run
from gisteval.pipeline.run.thinking_models import thought_notes
from gisteval.pipeline.score import score, unread_notes
from gisteval.records.manifest import SelfCheckFacts
from gisteval.records.run_folder import RunFolder
from gisteval.records.store import RecordWriter
from gisteval.report.build import build_report

if TYPE_CHECKING:
    from rich.progress import TaskID

Failures: TypeAlias = dict[tuple[str, str], list[TooLong | Failed]]
"""Examples without an output, by system and split."""


def run(config: RunConfig, command: Sequence[str] = (), with_report: bool = True) -> Run:
    """Evaluate and write the run folder.

    Args:
        config: What to evaluate.
        command: The command line.
        with_report: Whether the report is written; `gisteval report` writes it later.

    Raises:
        GistevalError: Something expected went wrong. Whatever was computed is kept.
    """
    progress.info("checking the task and the checkpoints")
    plan = plan_run(config)
    if config.profile:
        from gisteval.pipeline.profile.profile_model import check_timeable

        check_timeable(plan.suites[0])
    judge = None if config.judge == "none" else prepare_judge(judge_options(config))
    if judge is not None:
        judge.check_access()
    executor = _executor(plan)
    folder = RunFolder(output_folder(plan))
    with folder.held():
        folder.claim(replace(run_manifest(plan, command), executor=executor.facts()), plan.examples)
        with run_log(folder.path):  # not before: it may have been another run's
            log_only.info("%s (gisteval %s)", " ".join(command) or "run", versions()["gisteval"])
            finished = _evaluate(plan, folder, executor, judge, command, with_report)
            for note in finished.notes:
                log_only.info("note: %s", note)
            progress.info("finished: %s", folder.path)
        return finished


def _evaluate(
    plan: Plan,
    folder: RunFolder,
    executor: Executor,
    judge: PreparedJudge | None,
    command: Sequence[str],
    with_report: bool,
) -> Run:
    config = plan.config
    try:
        failures = generate(plan, folder, executor)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise  # batches are halved, so this is of loading or the self-check
        raise GistevalError(
            "out of memory: what was written is kept; try --dtype bfloat16, another --device, "
            "--device-map auto or --quantize int8"
        ) from error
    progress.info("scoring")
    folder.note_failures(failures)
    folder.note_notes(
        [
            *plan.notes,
            *_failure_notes(failures),
            *thought_notes([system.name for system in plan.systems], folder, plan.decoding),
            *unread_notes(plan.examples),
        ]
    )
    score(folder, ())
    if judge is not None:
        judge_missing(folder, judge)
    judging = update_judging(folder)
    try:
        if config.profile:
            from gisteval.pipeline.profile.profile_model import profile_run

            progress.info("profiling")
            profile_run(plan, folder.path)
        if config.diagnose:
            from gisteval.pipeline.diagnose.diagnose import diagnose_run

            diagnose_run(plan, folder.path, command)
    finally:
        if with_report:
            progress.info("writing the report")
            build_report([folder], folder.path / "report")
    if judge is not None:
        mine = [entry for entry in judging if entry.judges == (judge.label,)]
        check_answers(judge.label, mine)
    return Run(folder.path, tuple(folder.results()), folder.notes, tuple(judging))


def generate(plan: Plan, folder: RunFolder, executor: Executor) -> Failures:
    """Fill in the missing records, wherever they are made; this process alone writes them.

    Raises:
        InvalidRun: No example fits any system.
    """
    failures: Failures = {}
    work_by_system = {work.job.system.name: work for work in incomplete(plan, folder)}
    settings, asked = Settings(plan.placement, plan.decoding), plan.answers
    progress.info("%s to evaluate", counted(len(plan.systems), "system"))
    try:
        with (
            working() as work,
            ExitStack() as files,
            closing(executor.run(list(work_by_system.values()), settings)) as events,
        ):
            writers: dict[str, RecordWriter] = {}
            bars: dict[tuple[str, str], TaskID] = {}
            for event in events:
                system = event.system
                if isinstance(event, Checked):
                    passed = _note_check(folder, event)
                    for split, known in work_by_system[system].known.items():
                        total = len(asked[split])
                        bars[system, split] = work.begin(f"{system} on {split}", total, len(known))
                        progress.info(
                            "%s on %s: %s, %s of %s",
                            *(system, split, passed, f"{len(known):,}", f"{total:,}"),
                        )
                    writers[system] = files.enter_context(RecordWriter(folder.generations(system)))
                    continue
                place = (system, event.split)
                new = _unknown(event.records, work_by_system[system].known[event.split])
                writers[system].write(new)
                bad = [item for item in event.without if not isinstance(item, NotFinite)]
                failures.setdefault(place, []).extend(bad)
                work.advance(bars[place], len(new) + len(event.without))
    finally:
        if work_by_system:
            folder.note_executor(executor.facts())
    if not folder.manifest().self_check:
        raise InvalidRun("no example fits into any model's context: nothing was evaluated")
    for items in failures.values():
        items.sort(key=lambda item: item.example.id)
    return failures


def _note_check(folder: RunFolder, event: Checked) -> str:
    """Note the figures of a self-check in the manifest; what came of it, in words."""
    if event.check is None:
        return "no example fits into the context, so nothing is checked"
    folder.note_self_check(event.system, SelfCheckFacts.from_json(event.check.to_json()))
    return "self-check passed"


def incomplete(plan: Plan, folder: RunFolder) -> Iterator[SystemWork]:
    """The work that is left; systems of one checkpoint follow each other."""
    checked, asked = folder.manifest().self_check, plan.answers
    for system in sorted(plan.systems, key=lambda s: (str(s.checkpoint.path), s.checkpoint.record.k)):
        known = {split: folder.known_keys(system.name, split) for split in asked}
        work = SystemWork(Job(system, plan.identities[system.name].prefix()), asked, known)
        complete = all(len(work.done(split)) == len(examples) for split, examples in asked.items())
        if system.name not in checked or not complete:
            yield work


def _executor(plan: Plan) -> Executor:
    config = plan.config
    if config.executor == "local":
        return LocalExecutor()
    from gisteval.executors.ray import RayExecutor
    from gisteval.executors.ray_cluster import RayOptions

    return RayExecutor(RayOptions(config.ray_address, config.num_workers, plan.placement.gpus))


def _unknown(records: list[dict[str, object]], known: set[str]) -> list[dict[str, object]]:
    """The records whose keys are new. Their keys are added to `known`."""
    new = []
    for record in records:
        key = str(record["key"])
        if key not in known:
            known.add(key)
            new.append(record)
    return new


def _failure_notes(failures: Failures) -> list[str]:
    notes = []
    for (system, split), items in failures.items():
        long = [item for item in items if isinstance(item, TooLong)]
        failed = [item for item in items if isinstance(item, Failed)]
        if long:
            worst = max(long, key=lambda item: item.needed)
            count = counted(len(long), "example exceeds", "examples exceed")
            notes.append(
                f"{system} on {split}: {count} the context of {worst.context} tokens{worst.limit} and "
                f"{_without(long)} ({_named(long)}; the longest needs {worst.needed})."
            )
        if failed:
            notes.append(
                f"{system} on {split}: {counted(len(failed), 'example')} failed and {_without(failed)} "
                f"({_named(failed)}; {failed[0].reason}); the same command tries them again."
            )
    return notes


def _without(items: Sequence[object]) -> str:
    return "has no output" if len(items) == 1 else "have no output"


def _named(items: Sequence[TooLong | Failed]) -> str:
    names = ", ".join(item.example.id for item in items[:5])
    return names + (", ..." if len(items) > 5 else "")
