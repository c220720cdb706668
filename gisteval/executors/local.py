"""The executor of this process, which evaluates one system after the other."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from gisteval.executors.work import Checked, Event, Settings, SystemWork, self_check
from gisteval.generation.answering import answer_all
from gisteval.logs import progress
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_placed
from gisteval.models.running.base import PromptModel


class LocalExecutor:
    """Does all work in this process. Systems in a row that share their weights load them once."""

    def facts(self) -> dict[str, object]:
        """Return what the manifest says about the executor."""
        return {"name": "local", "workers": 1}

    def run(self, works: Sequence[SystemWork], settings: Settings) -> Generator[Event, None, None]:
        """Do the work of all systems.

        Raises:
            InvalidRun: The logits of an example are not finite. The rest of its batch is yielded first.
        """
        loaded: tuple[Checkpoint, PromptModel] | None = None
        for work in works:
            job, system = work.job, work.job.system
            compressor = job.compressor()
            if loaded is None or loaded[0] != system.checkpoint:
                progress.info("loading %s", system.checkpoint.path)
                loaded = None  # free the old weights before the new ones are read
                model = load_placed(system.checkpoint, settings.placement)
                loaded = (system.checkpoint, model)
                del model
            progress.info("%s: self-check", system.name)
            yield Checked(system.name, self_check(job, loaded[1], work.examples))
            for split, examples in work.examples.items():
                batches = answer_all(
                    loaded[1],
                    compressor,
                    system.budget,
                    examples,
                    settings.decoding,
                    work.done(split),
                )
                for batch in batches:
                    portion = job.portion(split, batch)
                    yield portion
                    portion.check_finite()
                del batches  # it refers to the weights
