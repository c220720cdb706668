"""`gisteval ls` and `gisteval validate`: what content there is, and whether it is sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jinja2 import TemplateSyntaxError

from gisteval.billing.prices import Sheet
from gisteval.content import find_content
from gisteval.errors import GistevalError, counted
from gisteval.judging.definition import JUDGE_FILE, list_judges, read_judge
from gisteval.metrics import metric, metrics_of
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint, is_checkpoint
from gisteval.records.json_object import JsonObject
from gisteval.registry import COMPRESSORS, METRICS, WRAPPERS
from gisteval.report.markdown import environment
from gisteval.report.page import page_environment
from gisteval.report.paper import read_paper
from gisteval.tasks import list_tasks, load_task
from gisteval.tasks.definition import TASK_FILE, read_definition
from gisteval.tasks.installed import generated

if TYPE_CHECKING:  # a list of tasks need not wait for torch
    from gisteval.compressors.base import Compressor


@dataclass(frozen=True)
class Listed(JsonObject):
    """An item that can be named on the command line, and what it is."""

    name: str
    description: str


@dataclass(frozen=True)
class ListedCompressor(Listed):
    """What a user chooses a compressor by.

    Attributes:
        settings: The settings with their defaults, as they are written in a spec.
        budget: Whether it takes one.
        reads: Whose weights it reads: the checkpoint's own, or the positive control's.
        needs: What must be there for it to work, in words.
        reusable: Whether a compressed prompt serves all inputs.
        source: The paper.
    """

    settings: Mapping[str, str]
    budget: bool
    reads: Literal["own", "full"]
    needs: tuple[str, ...]
    reusable: bool
    source: str


def listing(kind: str) -> Sequence[Listed]:
    """Name and description of every item of a kind."""
    kinds: dict[str, Callable[[], Sequence[Listed]]] = {
        "tasks": _tasks,
        "judges": _judges,
        "compressors": _compressors,
        "metrics": _metrics,
        "checkpoints": _checkpoints,
    }
    if kind not in kinds:
        raise GistevalError(f"nothing to list under {kind!r}: choose from {', '.join(kinds)}")
    return kinds[kind]()


def _tasks() -> list[Listed]:
    rows = []
    for name, file in list_tasks().items():
        definition = read_definition(file)
        splits = ", ".join(definition.splits)
        settings = ", ".join(f"{key}={one.default}" for key, one in definition.settings.items())
        known = f"{splits}; settings: {settings}" if settings else splits
        rows.append(Listed(name, f"{definition.description.strip()} [{known}]"))
    return rows


def _judges() -> list[Listed]:
    rows = []
    for name, file in list_judges().items():
        definition = read_judge(file).definition
        rows.append(Listed(name, definition.description))
    return rows


def _compressors() -> list[ListedCompressor]:
    alone = [_compressor(name, COMPRESSORS.load(name)) for name in COMPRESSORS.names()]
    around = [_compressor(name, WRAPPERS.load(name)) for name in WRAPPERS.names()]
    behind = "a compressor before it"
    return [*alone, *(replace(row, name=f"+{row.name}", needs=(behind, *row.needs)) for row in around)]


def _compressor(name: str, kind: type[Compressor]) -> ListedCompressor:
    from gisteval.compressors.spec import defaults_of

    needs = ["gist tokens"] if kind.needs_gists else []
    if len(kind.architectures) == 1:
        needs.append(f"a {next(iter(kind.architectures))} model")
    return ListedCompressor(
        name=name,
        description=(kind.__doc__ or "").strip().splitlines()[0],
        settings=defaults_of(kind),
        budget=kind.takes_budget,
        reads=kind.reads,
        needs=tuple(needs),
        reusable=kind.reusable,
        source=kind.source,
    )


def _metrics() -> list[Listed]:
    rows = []
    for name in METRICS.names():
        found = metric(name)
        summary = (found.__doc__ or "").strip().splitlines()[0]
        better = {"higher": "higher is better", "lower": "lower is better"}.get(found.direction)
        facts = ", ".join(filter(None, (found.unit, better, f"{found.interval} interval")))
        rows.append(Listed(name, f"{summary} [{facts}]"))
    return rows


def _checkpoints() -> list[Listed]:
    rows = []
    for folder in _checkpoint_folders(find_content("checkpoints")):
        record = inspect_checkpoint(folder).record
        steps = record.training.get("recipe", {}).get("steps")
        trained = "unknown steps" if steps is None else counted(steps, "step")
        k = f"k = {record.k}, " if record.condition == "gist" else ""
        segments = f"{record.compressor}, " if record.segments else ""
        trained = f"{record.condition}, {k}{segments}{trained}"
        rows.append(Listed(f"{folder.parent.name}/{folder.name}", trained))
    return rows


def _checkpoint_folders(root: Path) -> list[Path]:
    return [path for path in sorted(root.glob("*/*")) if path.is_dir() and is_checkpoint(path)]


def validate_content(path: Path | None, with_data: bool) -> list[str]:
    """Check one task file or folder, or everything bundled; returns what was found sound.

    Raises GistevalError at the first fault. with_data reads every example of every split.
    """
    if path is not None:
        if path.is_dir() and is_checkpoint(path):
            return [f"checkpoint {inspect_checkpoint(path).record.name}"]
        files = [path] if path.is_file() else sorted(path.rglob(TASK_FILE))
        judges = [file for file in files if file.name == JUDGE_FILE] or sorted(path.rglob(JUDGE_FILE))
        tasks = [file for file in files if file.name != JUDGE_FILE]
        members = [folder for folder in sorted(path.glob("*/")) if is_checkpoint(folder)]
        if not tasks and not judges and not members:
            raise GistevalError(f"{path} holds no checkpoint, no {TASK_FILE} and no {JUDGE_FILE}")
        return [
            *(_validate_task(file, with_data) for file in tasks),
            *(f"judge {read_judge(file).name}" for file in judges),
            *(f"checkpoint {inspect_checkpoint(folder).record.name}" for folder in members),
        ]
    checked = [_validate_task(file, with_data) for file in list_tasks().values()]
    checked += [f"judge {read_judge(file).name}" for file in list_judges().values()]
    reports = find_content("reports")
    for template in sorted(reports.glob("*.j2")):
        try:
            is_page = template.name.endswith(".html.j2")
            (page_environment if is_page else environment)(reports).get_template(template.name)
        except TemplateSyntaxError as error:
            raise GistevalError(f"{template}, line {error.lineno}: {error.message}") from error
        checked.append(f"report template {template.name}")
    checked.append(f"{len(read_paper())} numbers of the paper")
    checked.append(f"price sheet, {counted(len(Sheet.read().models), 'model')}")
    for name in COMPRESSORS.names():
        COMPRESSORS.load(name)
        checked.append(f"compressor {name}")
    for name in METRICS.names():
        checked.append(f"metric {metric(name).name}")
    for name in WRAPPERS.names():
        WRAPPERS.load(name)
        checked.append(f"compressor +{name}")
    for folder in _checkpoint_folders(find_content("checkpoints")):
        checked.append(f"checkpoint {inspect_checkpoint(folder).record.name}")
    return checked


def _validate_task(file: Path, with_data: bool) -> str:
    task = load_task(str(file))
    metrics_of(task.definition.metrics)
    for name, split in task.definition.splits.items():
        elsewhere = split.sha256 is not None  # it may lie in a data folder
        if split.file is not None and not elsewhere and not (task.folder / split.file).is_file():
            raise GistevalError(f"{file}: split {name}: file {split.file} does not exist")
        if split.generator is not None:
            files = dict.fromkeys(split.files, Path())  # nothing is read before the first item is asked for
            generated(split.generator, {**split.options, **task.settings, **files})
        if with_data:
            for _ in task.examples(name):
                pass
    return f"task {task.name} ({', '.join(task.definition.splits)})"
