"""Experiment trackers: the numbers of a finished run in wandb, mlflow or trackio, an extra each.

A tracker gets what results.json and the manifest say, once, when the run is done. Each one is a function of
`Tracked`, so another is one function and one line of `TRACKERS`. Where a tracker writes is set by its own
environment variables (WANDB_MODE=offline, MLFLOW_TRACKING_URI, TRACKIO_DIR).
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gisteval.config import RunConfig
from gisteval.errors import MissingExtra
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import ResultRow

if TYPE_CHECKING:
    from gisteval.pipeline.finished import Run

PROJECT = "gisteval"
"""The name of the project, or of mlflow's experiment, that runs go into."""

FILES = "file:./mlruns"
"""mlflow's store where MLFLOW_TRACKING_URI names none: files, which need no database."""

AT_ONCE = 1000
"""The most numbers that mlflow takes in one request."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What a tracker gets of a run.

    Attributes:
        name: The name of the run's folder.
        settings: The run's configuration, versions, device and signature, as texts.
        numbers: Values by `split/system/metric`, with .ci_low, .ci_high and .retention behind it.
        files: results.json, and the page if there is one.
    """

    name: str
    settings: dict[str, str]
    numbers: dict[str, float]
    files: tuple[Path, ...]


class Tracker(Protocol):
    """Writes a run down in a tracker and returns where, as a person can find it."""

    def __call__(self, content: Tracked) -> str:
        """Write it down."""


def tracked(run: RunFolder) -> Tracked:
    """Collect what trackers get of a finished run."""
    manifest = run.manifest()
    settings = {name: str(value) for name, value in manifest.config.items() if value not in (None, [], ())}
    settings |= {f"version {name}": version for name, version in manifest.versions.items()}
    files = (run.path / "results.json", run.path / "report" / "report.html")
    return Tracked(
        run.path.resolve().name,
        settings,
        _numbers(run.results()),
        tuple(file for file in files if file.is_file()),
    )


def check_trackers(names: Sequence[str]) -> None:
    """Say before a run which tracker is missing. Raises MissingExtra."""
    for name in names:
        _package(name)


def run_and_log(
    config: RunConfig, command: Sequence[str], with_report: bool = True
) -> tuple[Run, list[str]]:
    """Run, then write the run down in the configuration's trackers, if it names any.

    Args:
        config: The configuration.
        command: The command line.
        with_report: Whether the run writes its report.

    Returns:
        The run, and where each tracker keeps it.

    Raises:
        MissingExtra: A tracker is not installed, which is said before the run.
        GistevalError: As in a run.
    """
    from gisteval.pipeline.run.evaluate import run

    check_trackers(config.log_to)
    finished = run(config, command, with_report)
    return finished, log_run(RunFolder.open(finished.folder), config.log_to) if config.log_to else []


def log_run(run: RunFolder, names: Sequence[str]) -> list[str]:
    """Write a finished run down in each tracker.

    Args:
        run: The run.
        names: Keys of `TRACKERS`.

    Returns:
        Where each of them keeps it.

    Raises:
        MissingExtra: A tracker is not installed.
    """
    content = tracked(run)
    return [f"{name}: {TRACKERS[name](content)}" for name in names]


def _numbers(rows: Iterable[ResultRow]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for row in rows:
        stem = re.sub(r"[^\w./ :-]", "_", f"{row.split}/{row.system}/{row.measured}")
        while stem in numbers:  # names that differ in a letter which trackers don't take
            stem += "_"
        further = {"ci_low": row.ci_low, "ci_high": row.ci_high, "retention": row.retention}
        numbers[stem] = row.value
        numbers |= {f"{stem}.{name}": value for name, value in further.items() if value is not None}
    return numbers


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(name, name) from error


def _mlflow(content: Tracked) -> str:
    mlflow = _package("mlflow")
    store = os.environ.get("MLFLOW_TRACKING_URI") or FILES
    if store.startswith("file:"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # newer ones ask for a database otherwise
    mlflow.set_tracking_uri(store)
    mlflow.set_experiment(PROJECT)
    with mlflow.start_run(run_name=content.name) as run:
        mlflow.log_params(
            {re.sub(r"[^\w./ -]", "_", name): text for name, text in content.settings.items()}
        )
        items = list(content.numbers.items())
        for start in range(0, len(items), AT_ONCE):
            mlflow.log_metrics(dict(items[start : start + AT_ONCE]))
        for file in content.files:
            mlflow.log_artifact(str(file))
        return f"{store}, run {run.info.run_id}"


def _wandb(content: Tracked) -> str:
    wandb = _package("wandb")
    run = wandb.init(project=PROJECT, name=content.name, config=content.settings)
    run.summary.update(content.numbers)
    for file in content.files:
        run.save(str(file), base_path=str(file.parent), policy="now")
    place = run.url or str(Path(run.dir).parent)
    run.finish()
    return str(place)


def _trackio(content: Tracked) -> str:
    trackio = _package("trackio")
    trackio.init(project=PROJECT, name=content.name, config=content.settings)
    trackio.log(content.numbers)
    trackio.finish()
    return f"project {PROJECT}, run {content.name}: trackio show --project {PROJECT}"


TRACKERS: dict[str, Tracker] = {"mlflow": _mlflow, "trackio": _trackio, "wandb": _wandb}
"""The trackers by name, which are the choices of `log_to` in `gisteval.config.RunConfig`."""
