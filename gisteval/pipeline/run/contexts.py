"""Prompts that are too long for a model's context, found before any model is loaded."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence

from gisteval.compressors.base import Source
from gisteval.errors import InvalidRun, counted
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.running.architecture import DECODER
from gisteval.models.running.windows import Context, context_of
from gisteval.pipeline.estimate.split_cost import ExampleLengths, count_lengths
from gisteval.profiling.shapes import parse_config
from gisteval.records.schema import Example
from gisteval.suite import System

log = logging.getLogger(__name__)

TEMPLATE = 512
"""Tokens that a template has at most; a text has at most as many tokens as bytes."""


def check_contexts(systems: Sequence[System], examples: Mapping[str, Sequence[Example]]) -> None:
    """Warn of the examples that exceed a system's context, by count and name.

    Args:
        systems: Those that the run is about.
        examples: By split.

    Raises:
        InvalidRun: No example of a split fits into the context of any of the systems.
    """
    contexts = {system.checkpoint.path: _context(system.checkpoint) for system in systems}
    for split, items in examples.items():
        longest = max(_bytes(example) for example in items) + TEMPLATE
        if all(longest <= context.tokens for context in contexts.values()):
            continue
        checkpoints = {system.checkpoint.path: system.checkpoint for system in systems}
        lengths = {path: count_lengths(checkpoint, items) for path, checkpoint in checkpoints.items()}
        found = {}
        for system in systems:
            path = system.checkpoint.path
            found[system.name] = too_long(system, items, lengths[path], contexts[path].tokens)
        most = max(contexts.values(), key=lambda context: context.tokens)
        if all(len(long) == len(items) for long in found.values()):
            shortest = min(needed for long in found.values() for _, needed in long)
            raise InvalidRun(
                f"split {split}: no example fits into the model's context of {most.tokens} tokens"
                f"{most.limit} ({counted(len(items), 'example')}, {items[0].id} the first; "
                f"the shortest needs {shortest}): choose shorter prompts, a longer context, or "
                "a compressor that keeps less"
            )
        for name, long in found.items():
            if long:
                names = ", ".join(example.id for example, _ in long[:5])
                log.warning(
                    "%s on %s: %s of %s exceed the context and will have no output (%s%s)",
                    *(name, split, len(long), counted(len(items), "example"), names),
                    ", ..." if len(long) > 5 else "",
                )


def _context(checkpoint: Checkpoint) -> Context:
    """The context by config.json; without one (GGUF, an adapter), or for an encoder, no limit is known."""
    config = checkpoint.config()
    if checkpoint.architecture is not DECODER or not config:
        return Context(sys.maxsize, "")
    return context_of(parse_config(config))


def too_long(
    system: System, items: Sequence[Example], lengths: Sequence[ExampleLengths], context: int
) -> list[tuple[Example, int]]:
    """The examples that exceed a context, each with the tokens that it needs."""
    record, caches = system.checkpoint.record, system.checkpoint.architecture.caches_prompts
    method = system.method()
    found = []
    for example, row in zip(items, lengths, strict=True):
        source = Source(row.prompt, record.k, record.leak_window, caches, row.template)
        taken = method.footprint(source, system.budget).positions
        needed = (row.prompt + record.k if taken is None else taken) + row.input + row.target
        if needed > context:
            found.append((example, needed))
    return found


def _bytes(example: Example) -> int:
    texts = (example.instruction, example.input, example.output)
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
