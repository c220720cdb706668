"""The work that a run gives to an executor, and the events that come back."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gisteval.compressors.base import Compressor
from gisteval.compressors.eviction.together import pass_kind
from gisteval.errors import InvalidRun
from gisteval.generation.answering import Decoding
from gisteval.generation.outcomes import Answer, Failed, NotFinite, Outcome, TooLong
from gisteval.generation.selfcheck import (
    AgainstStock,
    SelfCheck,
    check_cached_path,
    choose_examples,
    shortened,
    spread,
)
from gisteval.models.checkpoints.placement import Placement
from gisteval.models.running.base import PromptModel
from gisteval.models.running.memory import is_out_of_memory
from gisteval.records.lines import to_json
from gisteval.records.schema import Example, Generation, record_key
from gisteval.suite import System


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that all systems share.

    Attributes:
        placement: Device, data type and quantisation of the weights.
        decoding: How answers are decoded.
    """

    placement: Placement
    decoding: Decoding


@dataclass(frozen=True, slots=True)
class Job:
    """A system to evaluate.

    Attributes:
        system: The system.
        prefix: The digest that begins the keys of its records.
    """

    system: System
    prefix: str

    def key(self, example: Example) -> str:
        """Return the key of an example's record."""
        return record_key(self.prefix, example)

    def compressor(self) -> Compressor:
        """Return the system's compressor."""
        return self.system.method()

    def portion(self, split: str, outcomes: Iterable[Outcome]) -> Portion:
        """Turn the outcomes of examples into records."""
        portion = Portion(self.system.name, split, [], [])
        k = self.system.k  # it builds the compressor: once, and not for each record
        for outcome in outcomes:
            if isinstance(outcome, Answer):
                portion.records.append(to_json(self._record(split, outcome, k)))
            else:
                portion.without.append(outcome)
        return portion

    def _record(self, split: str, answer: Answer, k: int) -> Generation:
        example, system = answer.example, self.system
        return Generation(
            key=self.key(example),
            example=example.id,
            content=example.content_id,
            task=example.task,
            split=split,
            system=system.name,
            condition=system.condition,
            control=system.control,
            compressor=system.compressor,
            k=k,
            output=answer.output,
            output_tokens=answer.output_tokens,
            finished=answer.finished,
            source_tokens=answer.source_tokens,
            template_tokens=answer.template_tokens,
            kept=answer.kept,
            bytes=answer.bytes,
            nll=None if answer.nll is None else float(f"{answer.nll:.6g}"),
            target_tokens=answer.target_tokens,
            kept_template=answer.kept_template,
            asked=answer.asked,
            raw=answer.raw,
            choice=answer.choice,
            sample=example.sample,
        )


@dataclass(frozen=True, slots=True)
class SystemWork:
    """A job with its examples.

    Attributes:
        job: The job.
        examples: Examples by split.
        known: Keys of the existing records, by split.
    """

    job: Job
    examples: Mapping[str, Sequence[Example]]
    known: Mapping[str, set[str]]

    def done(self, split: str) -> set[int]:
        """Return the indices of the examples that have a record already."""
        keys, known = map(self.job.key, self.examples[split]), self.known[split]
        return {index for index, key in enumerate(keys) if key in known}


def pass_key(work: SystemWork) -> tuple[object, ...] | None:
    """What is equal for works whose prompts one pass can compress; None for one that can't share it."""
    checkpoint = work.job.system.checkpoint
    kind = pass_kind(work.job.compressor())
    return None if kind is None else (kind, str(checkpoint.path), checkpoint.record.k)


@dataclass(frozen=True, slots=True)
class Checked:
    """The event that a system has passed its self-check. check: None if no example fits the context."""

    system: str
    check: SelfCheck | None


@dataclass(frozen=True, slots=True)
class Portion:
    """The event that examples were answered or can't be.

    Attributes:
        system: Name of the system.
        split: Name of the split.
        records: New lines of generations/*.jsonl.
        without: Examples that have no record, with the reason.
    """

    system: str
    split: str
    records: list[dict[str, object]]
    without: list[TooLong | NotFinite | Failed]

    @property
    def not_finite(self) -> list[Example]:
        """Examples whose logits are not finite."""
        return [item.example for item in self.without if isinstance(item, NotFinite)]

    def check_finite(self) -> None:
        """Check that the logits of all examples are finite.

        Raises:
            InvalidRun: The logits of an example are not finite.
        """
        for example in self.not_finite:
            raise InvalidRun(
                f"{self.system} on {example.id}: the logits are not finite, so the weights are damaged or "
                "overflow: try --dtype float32 (what was written is kept)"
            )


Event = Checked | Portion


class Executor(Protocol):
    """Does the work of a run and yields its events, in any order."""

    def run(self, works: Sequence[SystemWork], settings: Settings) -> Generator[Event, None, None]:
        """Do the work of all systems. Closing the generator ends all workers.

        Raises:
            GistevalError: The work can't go on. Events before it are valid.
        """

    def facts(self) -> dict[str, object]:
        """Return what the manifest says about the executor."""


def self_check(
    job: Job,
    model: PromptModel,
    examples: Mapping[str, Sequence[Example]],
    stock: AgainstStock | None = None,
) -> SelfCheck | None:
    """Compare the cached, masked and stock paths on a few examples, and on fewer if memory runs out.

    Jobs of one loaded model may share `stock`.

    Returns:
        The figures, or None if no example fits into the context: all of them go without an output.

    Raises:
        InvalidRun: The paths differ.
    """
    compressor, budget = job.compressor(), job.system.budget

    def fitting(part: Sequence[Example]) -> list[Example]:
        subjects = [compressor.subject(example.instruction, example.input) for example in part]
        return model.fitting(part, compressor.positions(model, subjects, budget))

    items = {split: [e for e in part if not e.sample] for split, part in examples.items()}
    chosen = choose_examples(model, shortened(compressor, items), fitting)
    if not chosen:
        return None
    while True:
        try:
            return _check(job, model, chosen, stock)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or len(chosen) <= 2:
                raise
        chosen = spread(chosen, len(chosen) // 2)


def _check(
    job: Job, model: PromptModel, chosen: Sequence[Example], stock: AgainstStock | None
) -> SelfCheck:
    system = job.system
    try:
        return check_cached_path(model, job.compressor(), system.budget, chosen, stock=stock)
    except InvalidRun as error:
        raise InvalidRun(f"{system.name}: {error}") from error
