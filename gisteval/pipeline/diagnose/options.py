"""The options of `gisteval diagnose`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from gisteval.config import RunConfig
from gisteval.errors import GistevalError, did_you_mean
from gisteval.options import Panel, as_one, check_bounds, described, option, same_as

MEASURES = (
    *("divergence", "states", "leakage", "reconstruction", "strictness"),
    *("drift", "work", "training", "choice"),
)
"""All measures, in the order of the page."""

WITH_RUN = ("only", "reader", "splits", "device", "dtype")
"""Options that a run does not decide."""


@dataclass(frozen=True, slots=True)
class DiagnoseOptions:
    """The options of `gisteval diagnose`: a finished run, or a model as `gisteval run` takes it."""

    run: Path | None = None
    models: tuple[str, ...] = option(
        (),
        "What to diagnose where no run is given: the folder of a checkpoint or of a suite, or a name on "
        "the Hugging Face hub. May be repeated.",
        Panel.MODELS,
        flag="model",
        metavar="PATH",
        split=as_one,
    )
    pos_control: str | None = same_as(RunConfig, "pos_control")
    neg_control: str | None = same_as(RunConfig, "neg_control")
    reader: str | None = option(
        None,
        "Checkpoint that reads the gists which the model made: a later one, an adapter, another seed. "
        "It says whether stored gists may be kept.",
        Panel.MODELS,
        metavar="PATH",
    )
    only: tuple[str, ...] = option(
        (),
        f"Measures to take: {', '.join(MEASURES)}.",
        Panel.MEASUREMENT,
        metavar="NAMES",
        unset="all of them",
    )
    task: str = same_as(RunConfig, "task")
    splits: tuple[str, ...] = same_as(
        RunConfig,
        "splits",
        help="Parts of the task, or of the run, to diagnose, such as seen,unseen,human.",
        unset="the one with the fewest examples",
    )
    limit: int | None = same_as(RunConfig, "limit", help="Use only the first N examples of each split.")
    data_dir: str | None = same_as(RunConfig, "data_dir")
    compressors: tuple[str, ...] = same_as(RunConfig, "compressors")
    budgets: tuple[str, ...] = same_as(RunConfig, "budgets")
    max_new_tokens: int | None = same_as(RunConfig, "max_new_tokens")
    device: str = same_as(RunConfig, "device")
    dtype: str = same_as(RunConfig, "dtype")
    output: str | None = option(
        None,
        "Folder that the diagnosis of a model is written to. That of a run lies in the run.",
        Panel.OUTPUT,
        metavar="DIR",
        unset="a folder under runs/",
    )

    def __post_init__(self) -> None:
        """Check that the options fit together."""
        check_bounds(self, "--")
        if bool(self.run) == bool(self.models):
            raise GistevalError("give the folder of a finished run, or --model")
        for name in self.only:
            if name not in MEASURES:
                raise GistevalError(
                    f"measure {name!r} is unknown{did_you_mean(name, MEASURES)}: choose from "
                    f"{', '.join(MEASURES)}"
                )
        if "drift" in self.only and self.reader is None:
            raise GistevalError("drift needs a second model: give --reader")
        given = [
            f"--{item.flag}"
            for item in described(DiagnoseOptions).values()
            if item.name not in WITH_RUN and getattr(self, item.name) != item.default
        ]
        if self.run and given:
            raise GistevalError(
                f"{self.run} says itself what was evaluated: leave {', '.join(given)} out beside a run"
            )

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures to take, in the order of the page."""
        there = (name for name in MEASURES if name != "drift" or self.reader)
        return tuple(name for name in there if not self.only or name in self.only)

    def config(self) -> RunConfig:
        """What a run of the same model would be."""
        shared = {item.name for item in fields(RunConfig)} & {item.name for item in fields(self)}
        return RunConfig(**{name: getattr(self, name) for name in shared - {"output"}}, judge="none")
