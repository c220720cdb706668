"""A judge in this process: comparisons in, replies of a chat model out, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice

from gisteval.judging.definition import ChatDefinition
from gisteval.judging.prompting import Message, messages
from gisteval.judging.protocol import Comparison
from gisteval.judging.replies import Failure, Reply, Sink
from gisteval.models.running.memory import Halving
from gisteval.models.text.chat import ChatModel
from gisteval.pipeline.judge.prepared import PreparedJudge


class LocalJudge:
    """A chat model that is loaded when the first question comes."""

    def __init__(self, model: str, device: str, dtype: str, max_new_tokens: int) -> None:
        """Keep what loading needs.

        Args:
            model: The folder or name of the model.
            device: Where it runs.
            dtype: The number type of its weights.
            max_new_tokens: The longest reply, in tokens.
        """
        self._load = partial(ChatModel.load, model, device, dtype)
        self._max_new_tokens = max_new_tokens
        self._model: ChatModel | None = None
        self._halving = Halving()

    def __call__(self, conversations: list[list[Message]]) -> list[Reply | Failure]:
        """Answer a batch.

        Raises:
            GistevalError: The model can't be loaded.
        """
        if self._model is None:
            self._model = self._load()
        replies = partial(self._model.replies, max_new_tokens=self._max_new_tokens)
        return [
            Failure(reply)
            if isinstance(reply, str)
            else Reply(
                reply.text,
                reply.prompt_tokens,
                reply.completion_tokens,
                "stop" if reply.finished else "length",
            )
            for reply in chain.from_iterable(self._halving.run(replies, conversations))
        ]


def local_judge(prepared: PreparedJudge) -> partial[LocalJudge]:
    """Return what makes the judge, here or in a worker's process."""
    definition = prepared.judge.definition
    assert isinstance(definition, ChatDefinition) and prepared.model is not None
    longest = int(definition.parameters["max_new_tokens"])
    return partial(LocalJudge, prepared.model, prepared.device, prepared.options.dtype, longest)


def ask_local(prepared: PreparedJudge, comparisons: Iterator[Comparison], sink: Sink) -> None:
    """Ask about every comparison; the sink gets each answer."""
    judge = local_judge(prepared)()
    while batch := list(islice(comparisons, prepared.options.batch_size)):
        answers = judge([messages(prepared.judge, comparison) for comparison in batch])
        for comparison, answer in zip(batch, answers, strict=True):
            sink(comparison, answer)
