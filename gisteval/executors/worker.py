"""The work of a Ray worker, which keeps one checkpoint loaded and the prompts of one window compressed."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import cast

from gisteval.compressors.eviction.together import Sharing
from gisteval.executors.tasks import BatchTask, Load, Open, Opened, Task
from gisteval.executors.work import Portion, Settings, self_check
from gisteval.generation.answering import Answering, plan_windows
from gisteval.generation.selfcheck import AgainstStock
from gisteval.generation.together import Wanted, compressed_for_each
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_placed
from gisteval.models.running.base import PromptModel
from gisteval.models.running.memory import Halving


class GenerationWorker:
    """Does the tasks of a Schedule."""

    def __init__(self, settings: Settings) -> None:
        """Prepare a worker."""
        self._settings = settings
        self._loaded: tuple[Checkpoint, PromptModel] | None = None
        self._stock = AgainstStock()
        self._window: int | None = None
        self._answering: dict[str, Answering] = {}
        self._halving = Halving()

    def __call__(self, task: Task) -> Opened | Portion | None:
        """Do a task.

        Raises:
            GistevalError: An expected error. A model may raise any other as well.
        """
        if isinstance(task, Load):
            self._load(task.checkpoint)
            return None
        return self._open(task) if isinstance(task, Open) else self._answer(task)

    def _load(self, checkpoint: Checkpoint) -> PromptModel:
        if self._loaded is None or self._loaded[0] != checkpoint:
            # Free the old weights, and the prompts made by them, before the new ones are read.
            self._loaded = self._window = None
            self._answering = {}
            model = load_placed(checkpoint, self._settings.placement)
            self._loaded, self._stock = (checkpoint, model), AgainstStock()
        return self._loaded[1]

    def _open(self, task: Open) -> Opened:
        model = self._load(task.checkpoint)
        check = self_check(task.job, model, task.examples, self._stock)
        compressor, budget = task.job.compressor(), task.job.system.budget
        return Opened(
            check,
            {
                split: list(plan_windows(model, compressor, budget, examples, self._settings.decoding))
                for split, examples in task.examples.items()
            },
        )

    def _answer(self, batch: BatchTask) -> Portion:
        model = self._load(batch.checkpoint)
        answering = self._at(batch, model)
        # What failed is tried again by itself, so that a system's fault stays its own.
        if batch.mates and batch.whole and not batch.tries:
            self._compress_together(batch, model)
        parts = answering.answer(batch.groups, batch.examples)
        return batch.job.portion(batch.split, chain.from_iterable(parts))

    def _at(self, batch: BatchTask, model: PromptModel) -> Answering:
        """A system's prompts of a window, new ones if the worker was at another window."""
        if self._window != batch.window:
            self._window, self._answering = batch.window, {}
        name = batch.job.system.name
        if name not in self._answering:
            job = batch.job
            self._answering[name] = Answering(
                model, job.compressor(), job.system.budget, self._settings.decoding
            )
        return self._answering[name]

    def _compress_together(self, batch: BatchTask, model: PromptModel) -> None:
        """Compress the groups that are not yet, for all systems that share the pass over them."""
        wanted = [Wanted(cast(Sharing, job.compressor()), job.system.budget) for job in batch.mates]
        answering = [self._at(replace(batch, job=job), model) for job in batch.mates]
        for group in batch.groups:
            if self._at(batch, model).has(group):
                continue
            for own, found in zip(
                answering, compressed_for_each(model, wanted, group, self._halving), strict=True
            ):
                own.take(found)
