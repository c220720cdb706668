"""Outputs made elsewhere as records, with nothing made up: what nobody measured is None."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gisteval.records.manifest import Role, System
from gisteval.records.schema import Condition, Control, Example, Generation, digest
from gisteval.registry import CONDITION_COMPRESSOR

_ROLES: dict[Condition | None, Role] = {"pos_control": "positive", "neg_control": "negative"}


@dataclass(frozen=True, slots=True)
class SystemLabel:
    """A system made elsewhere.

    Attributes:
        name: Of the system.
        family: Systems of one family are compared with each other.
        condition: None for a method that is none of the three.
        k: Gist tokens.
        compressor: The method, where the condition doesn't say it and it is known.
    """

    name: str
    family: str
    condition: Condition | None
    k: int
    compressor: str = ""

    @property
    def method(self) -> str:
        """How the prompt was compressed."""
        return self.compressor or CONDITION_COMPRESSOR.get(self.condition or "", "unknown")

    @property
    def role(self) -> Role:
        """candidate, positive or negative."""
        return _ROLES.get(self.condition, "candidate")

    @property
    def control(self) -> Control | None:
        """A control made elsewhere is one that was trained as such."""
        return None if self.role == "candidate" else "trained"

    @property
    def kept(self) -> int | None:
        """Slots kept a layer, where the condition says it."""
        return {"gist": self.k, "neg_control": 0}.get(self.condition or "")

    def described(self, reference: str | None, negative: str | None) -> System:
        """The system as a manifest has it. `reference` and `negative` name its controls."""
        return System(
            name=self.name,
            role=self.role,
            reference=reference,
            negative=negative,
            condition=self.condition,
            control=self.control,
            compressor=self.method,
            k=self.k,
        )


@dataclass(frozen=True, slots=True)
class ImportedOutputs:
    """A system's outputs on one split, by content id.

    Attributes:
        system: Whose outputs they are.
        split: The split's name.
        examples: All that the system was asked. Those without an output are failures.
        outputs: The texts.
        provenance: The file that they are from.
        references: What an output is scored against, where that is not the example's to the letter.
    """

    system: SystemLabel
    split: str
    examples: tuple[Example, ...]
    outputs: Mapping[str, str]
    provenance: str
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> frozenset[str]:
        """Content ids of the examples without an output."""
        return frozenset(example.content_id for example in self.examples).difference(self.outputs)

    def records(self) -> Iterator[Generation]:
        """A record an output, in the order of the examples."""
        for example in self.examples:
            output = self.outputs.get(example.content_id)
            if output is not None:
                reference = self.references.get(example.content_id)
                parts = ["imported", self.system.name, self.split, example.content_id, output]
                yield Generation(
                    key=digest(parts if reference is None else [*parts, reference]),
                    example=example.id,
                    content=example.content_id,
                    task=example.task,
                    split=self.split,
                    system=self.system.name,
                    condition=self.system.condition,
                    control=self.system.control,
                    compressor=self.system.method,
                    k=self.system.k,
                    output=output,
                    output_tokens=None,
                    finished=None,
                    source_tokens=None,
                    template_tokens=None,
                    kept=self.system.kept,
                    bytes=None,
                    nll=None,
                    target_tokens=None,
                    provenance=self.provenance,
                    own_reference=reference,
                )
