"""The executor of this process, which evaluates one system after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import groupby
from typing import cast

from gisteval.compressors.eviction.together import Sharing
from gisteval.executors.work import Checked, Event, Portion, Settings, SystemWork, pass_key, self_check
from gisteval.generation.answering import answer_all
from gisteval.generation.selfcheck import AgainstStock
from gisteval.generation.together import Wanted, answer_together
from gisteval.logs import progress
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_placed
from gisteval.models.running.base import PromptModel


class LocalExecutor:
    """Does all work in this process. Systems in a row that share their weights load them once.

    Evictors of one checkpoint share the passes over their prompts, and so do budgets of pooling.
    """

    def facts(self) -> dict[str, object]:
        """Return what the manifest says about the executor."""
        return {"name": "local", "workers": 1}

    def run(self, works: Sequence[SystemWork], settings: Settings) -> Generator[Event, None, None]:
        """Do the work of all systems.

        Raises:
            InvalidRun: The logits of an example are not finite. The rest of its batch is yielded first.
        """
        loaded: tuple[Checkpoint, PromptModel] | None = None
        stock = AgainstStock()
        for together in in_passes(works):
            checkpoint = together[0].job.system.checkpoint
            if loaded is None or loaded[0] != checkpoint:
                progress.info("loading %s", checkpoint.path)
                loaded = None  # free the old weights before the new ones are read
                model = load_placed(checkpoint, settings.placement)
                loaded, stock = (checkpoint, model), AgainstStock()
                del model
            for work in together:
                name = work.job.system.name
                progress.info("%s: self-check", name)
                yield Checked(name, self_check(work.job, loaded[1], work.examples, stock))
            for split in together[0].examples:
                portions = _portions(loaded[1], together, split, settings)
                for portion in portions:
                    yield portion
                    portion.check_finite()
                del portions  # it refers to the weights


def in_passes(works: Sequence[SystemWork]) -> Iterator[list[SystemWork]]:
    """Works that follow each other and whose prompts one pass can compress; the others alone."""

    def key(numbered: tuple[int, SystemWork]) -> tuple[object, ...]:
        number, work = numbered
        return pass_key(work) or (number,)

    for _, group in groupby(enumerate(works), key):
        yield [work for _, work in group]


def _portions(
    model: PromptModel, together: Sequence[SystemWork], split: str, settings: Settings
) -> Iterator[Portion]:
    """The records of a split, batch by batch."""
    examples = together[0].examples[split]
    if len(together) == 1:
        (work,) = together
        system, done = work.job.system, work.done(split)
        batches = answer_all(model, work.job.compressor(), system.budget, examples, settings.decoding, done)
        for batch in batches:
            yield work.job.portion(split, batch)
        return
    wanted = [
        Wanted(cast(Sharing, work.job.compressor()), work.job.system.budget, work.done(split))
        for work in together
    ]
    for number, outcomes in answer_together(model, wanted, examples, settings.decoding):
        yield together[number].job.portion(split, outcomes)
