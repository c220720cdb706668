"""The tasks that a schedule hands out to workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gisteval.executors.work import Job
from gisteval.generation.answering import Window
from gisteval.generation.outcomes import TooLong
from gisteval.generation.selfcheck import SelfCheck
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.records.schema import Example


@dataclass(frozen=True, slots=True)
class Load:
    """The task of loading a checkpoint that will soon be needed."""

    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Open:
    """The task of checking a system and planning its work."""

    job: Job
    examples: Mapping[str, Sequence[Example]]

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that the task needs."""
        return self.job.system.checkpoint


@dataclass(frozen=True, slots=True)
class Opened:
    """The result of Open.

    Attributes:
        check: The self-check, None if no example fits into the system's context.
        plan: By split, windows of batches and groups of examples that are too long.
    """

    check: SelfCheck | None
    plan: Mapping[str, Sequence[tuple[TooLong, ...] | Window]]


@dataclass(frozen=True, slots=True)
class BatchTask:
    """The task of answering a batch.

    Attributes:
        job: The system.
        split: Name of the split.
        window: Number of the window. Batches of one window share compressed prompts.
        groups: Groups of prompts that are compressed together.
        examples: The examples to answer.
        whole: Whether the batch is as planned, or a part of one that failed.
        tries: Number of failed attempts.
        mates: The systems whose prompts one pass compresses together, this one among them; none where it
            compresses alone.
    """

    job: Job
    split: str
    window: int
    groups: tuple[tuple[str, ...], ...]
    examples: tuple[Example, ...]
    whole: bool = True
    tries: int = 0
    mates: tuple[Job, ...] = ()

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that the task needs."""
        return self.job.system.checkpoint


Task = Load | Open | BatchTask
