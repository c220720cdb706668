"""The judge in this process: looks in, replies of a chat model out, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice

from gisteval.judging.cache import Reply
from gisteval.judging.client import Failure, Sink
from gisteval.judging.definition import ChatDefinition
from gisteval.judging.prompting import Message, messages
from gisteval.judging.protocol import Look
from gisteval.models.running.memory import Halving
from gisteval.models.text.chat import ChatModel
from gisteval.pipeline.judge.bench import Bench


class LocalJudge:
    """A chat model that is loaded once there is something to ask. longest: a reply, in tokens."""

    def __init__(self, model: str, device: str, dtype: str, longest: int) -> None:
        self._source = (model, device, dtype)
        self._longest = longest
        self._model: ChatModel | None = None
        self._halving = Halving()

    def __call__(self, talks: list[list[Message]]) -> list[Reply | Failure]:
        """The answers to a batch. Raises GistevalError if the model can't be loaded."""
        if self._model is None:
            self._model = ChatModel.load(*self._source)
        replies = self._halving.run(partial(self._model.replies, max_new_tokens=self._longest), talks)
        return [
            Failure(found)
            if isinstance(found, str)
            else Reply(
                found.text,
                found.prompt_tokens,
                found.completion_tokens,
                "stop" if found.finished else "length",
            )
            for found in chain.from_iterable(replies)
        ]


def local_judge(bench: Bench) -> partial[LocalJudge]:
    """Makes the judge, here or in a worker's process."""
    definition = bench.judge.definition
    assert isinstance(definition, ChatDefinition) and bench.model is not None
    longest = int(definition.parameters["max_new_tokens"])
    return partial(LocalJudge, bench.model, bench.device, bench.options.dtype, longest)


def ask_local(bench: Bench, looks: Iterator[Look], sink: Sink) -> None:
    """Ask about every look."""
    judge = local_judge(bench)()
    while part := list(islice(looks, bench.options.batch_size)):
        for look, answer in zip(part, judge([messages(bench.judge, look) for look in part]), strict=True):
            sink(look, answer)
