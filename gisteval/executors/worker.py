"""The work of a Ray worker, which keeps one checkpoint loaded and the prompts of one window compressed."""

from __future__ import annotations

from itertools import chain

from gisteval.executors.schedule import BatchTask, Load, Open, Opened, Task
from gisteval.executors.work import Job, Portion, Settings, self_check
from gisteval.generation.answering import Answering, plan_windows
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_placed
from gisteval.models.running.base import PromptModel


class GenerationWorker:
    """Does the tasks of a Schedule."""

    def __init__(self, settings: Settings) -> None:
        """Prepare a worker."""
        self._settings = settings
        self._loaded: tuple[Checkpoint, PromptModel] | None = None
        self._window: tuple[str, int] | None = None
        self._answering: Answering | None = None

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
            self._loaded = self._answering = self._window = None
            model = load_placed(checkpoint, self._settings.placement)
            self._loaded = (checkpoint, model)
        return self._loaded[1]

    def _open(self, task: Open) -> Opened:
        model = self._load(task.checkpoint)
        check = self_check(task.job, model, task.examples)
        compressor, budget = task.job.compressor(), task.job.system.budget
        return Opened(
            check,
            {
                split: list(plan_windows(model, compressor, budget, examples, self._settings.decoding))
                for split, examples in task.examples.items()
            },
        )

    def _answer(self, batch: BatchTask) -> Portion:
        answering = self._at(batch.job, batch.window, self._load(batch.checkpoint))
        parts = answering.answer(batch.groups, batch.examples)
        return batch.job.portion(batch.split, chain.from_iterable(parts))

    def _at(self, job: Job, number: int, model: PromptModel) -> Answering:
        """Return the compressed prompts of a window, new ones if the worker was at another window."""
        window = (job.system.name, number)
        if self._answering is None or self._window != window:
            self._window = window
            self._answering = Answering(model, job.compressor(), job.system.budget, self._settings.decoding)
        return self._answering
