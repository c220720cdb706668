"""The judge in this process: looks in, replies of a chat model out, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice

from gisteval.judging.cache import Reply
from gisteval.judging.client import Failure, Sink
from gisteval.judging.definition import ChatDefinition
from gisteval.judging.prompting import messages
from gisteval.judging.protocol import Look
from gisteval.models.chat import ChatModel
from gisteval.models.memory import Halving
from gisteval.pipeline.bench import Bench


def ask_local(bench: Bench, looks: Iterator[Look], sink: Sink) -> None:
    """Ask about every look; the model is loaded once there is one."""
    definition = bench.judge.definition
    assert isinstance(definition, ChatDefinition) and bench.model is not None
    longest = int(definition.parameters["max_new_tokens"])
    model: ChatModel | None = None
    halving = Halving()
    while part := list(islice(looks, bench.options.batch_size)):
        if model is None:
            model = ChatModel.load(bench.model, bench.options.device, bench.options.dtype)
        talks = [messages(bench.judge, look) for look in part]
        replies = halving.run(partial(model.replies, max_new_tokens=longest), talks)
        for look, found in zip(part, chain.from_iterable(replies), strict=True):
            if isinstance(found, str):
                sink(look, Failure(found))
            else:
                sink(look, Reply(found.text, found.prompt_tokens, found.completion_tokens))
