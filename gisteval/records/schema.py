"""The values that all parts exchange. No I/O here, and no import but the standard library and errors."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from gisteval.errors import GistevalError

Condition = Literal["gist", "pos_control", "neg_control"]
CONDITIONS: tuple[Condition, ...] = ("gist", "pos_control", "neg_control")

MOST_GISTS = 10_000
"""Gist tokens behind a prompt; each prompt's list of them is made in full."""

Choice = Literal["a", "b", "tie", "invalid", "error"]
"""A judge's answer about system a and reference b; invalid: a reply nobody can read; error: no reply."""

Order = Literal["ab", "ba"]
"""Whose output was shown first."""

Purpose = Literal["main", "aa", "again"]
"""Why a pair was judged: the win rate, the control against itself, or the same comparison again."""

Control = Literal["trained", "untrained"]
"""A control checkpoint trained as such, or the candidate's own weights shown all or nothing."""

SPARSE = {"sparse": True}
"""Metadata of a field that a line leaves out where it is None, so other records stay as they were."""


def as_condition(name: str | None) -> Condition | None:
    """A condition by its name (None stays None). Raises GistevalError for an unknown one."""
    for condition in CONDITIONS:
        if name == condition:
            return condition
    if name is None:
        return None
    raise GistevalError(f"condition {name!r} is unknown: choose from {', '.join(CONDITIONS)}")


def digest(parts: Sequence[str]) -> str:
    """128-bit hex digest of a list of strings; ("ab", "c") and ("a", "bc") differ."""
    fed: list[bytes] = []
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        fed += len(encoded).to_bytes(8, "little"), encoded
    return hashlib.blake2b(b"".join(fed), digest_size=16).hexdigest()


@lru_cache(1 << 12)  # every reader of a run asks for the same ones, and texts may be long
def _content_digest(*content: str) -> str:
    return digest(content)


def finite(value: float) -> float | None:
    """JSON knows neither infinity nor NaN: an unbounded end of an interval is null."""
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Example:
    """One item of a split: instruction t, input x (may be empty) and reference output y.

    copy: 0 for the first example of its content in the split, 1 for the second, and so on.

    What a report may group by, None where the task does not say: depth, where in the instruction the answer
    stands, in percent; length, for which the instruction was made; facts, how many it holds; part, a named
    part of the split. choices: the answers to choose from, one a line.

    sample: which of its drawn answers is asked for, from 0; None where answers are greedy. It is no part of
    the item, so no file of examples has it.
    """

    id: str
    task: str
    split: str
    instruction: str
    input: str
    output: str
    copy: int = 0
    depth: float | None = field(default=None, metadata=SPARSE)
    length: int | None = field(default=None, metadata=SPARSE)
    facts: int | None = field(default=None, metadata=SPARSE)
    part: str | None = field(default=None, metadata=SPARSE)
    choices: str | None = field(default=None, metadata=SPARSE)
    sample: int | None = field(default=None, metadata=SPARSE)

    @property
    def content_id(self) -> str:
        """Identity by content; comparisons are paired on it, whatever the file calls the item.

        A second copy in the split has an id of its own: it is another value in every mean. The samples of
        an item share its id.
        """
        content = [self.instruction, self.input, self.output]
        if self.choices is not None:
            content.append(f"choices {self.choices}")
        if self.copy:
            content.append(f"copy {self.copy}")
        return _content_digest(*content)

    @property
    def answer_id(self) -> str:
        """Identity of one answer to the item: records, pairs of a judge and random draws go by it."""
        return answer_id(self.content_id, self.sample)


def answer_id(content_id: str, sample: int | None) -> str:
    """The item's own id for the only or the first answer to it, another one for each further sample."""
    return digest([content_id, f"sample {sample}"]) if sample else content_id


def numbered_copies(examples: Iterable[Example]) -> Iterator[Example]:
    """The examples of one split, with those of equal content numbered in their order."""
    seen: Counter[str] = Counter()
    for example in examples:
        content = digest((example.instruction, example.input, example.output))
        yield replace(example, copy=seen[content]) if seen[content] != example.copy else example
        seen[content] += 1


def record_key(prefix: str, example: Example) -> str:
    """Key of a generation; prefix: digest of everything but the example that can change it."""
    return digest([prefix, example.answer_id])


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its two-sided interval.

    `n` counts the values, `clusters` the independent groups they fall into (n when ungrouped).
    `method` names the interval, for the signature: "gaffke", "t-hall", "test-inversion", ...
    """

    value: float
    ci_low: float
    ci_high: float
    n: int
    clusters: int
    confidence: float
    method: str


@dataclass(frozen=True, slots=True)
class Generation:
    """What one system made of one example: a line of generations/*.jsonl.

    key: identity of the computation; example: the example's id; content: its content id. kept and
    bytes describe the compressed prompt, nll is in nats a reference token (mean), lengths in tokens.
    finished is False when a length limit ended the output. kept_template: of those kept the template's
    own; asked: slots that the budget allows the instruction, None without a budget (both None in records
    made before they were counted). raw: all that the model wrote, where the output is only what stands
    behind its thought ("" if the thought never ended). What is not known of an output made elsewhere is
    None; its provenance says where it is from (None: this run made it), and own_reference the reference
    that it came with where that is not the example's to the letter. choice: the one of the example's
    choices that the model finds most likely, None where it has none. sample: the number of a drawn output
    among those of its example, from 0; None for a greedy one.
    """

    key: str
    example: str
    content: str
    task: str
    split: str
    system: str
    condition: Condition | None
    control: Control | None
    compressor: str
    k: int
    output: str
    output_tokens: int | None
    finished: bool | None
    source_tokens: int | None
    template_tokens: int | None
    kept: int | None
    bytes: int | None
    nll: float | None
    target_tokens: int | None
    provenance: str | None = None
    kept_template: int | None = None
    asked: int | None = None
    own_reference: str | None = None
    raw: str | None = None
    choice: str | None = field(default=None, metadata=SPARSE, repr=False)
    sample: int | None = field(default=None, metadata=SPARSE, repr=False)

    def reference_for(self, example: Example) -> str:
        """The reference that this output is scored against."""
        return example.output if self.own_reference is None else self.own_reference


@dataclass(frozen=True, slots=True)
class Verdict:
    """One comparison of a pair by a judge: a line of verdicts/*.jsonl.

    pair: content id of the example; a is `system`, b is `reference`, whatever the order shown. reply is
    the raw text (None without a call, or when the call failed: then `error` says why; it also says why a
    reply is no answer, where more is known than that nobody can read it). cost in dollars.
    provenance: where a verdict made elsewhere is from; its tokens are 0, since nobody counted them.
    finish_reason: why the server ended the reply ("stop", "length", ...), None where it did not say.
    """

    key: str
    pair: str
    task: str
    split: str
    system: str
    reference: str
    judge: str
    purpose: Purpose
    order: Order
    choice: Choice
    reply: str | None
    error: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    provenance: str | None = None
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One number of results.json with its interval.

    Scores are in percent, nll in nats a token, lengths in words or tokens as `unit` says. reference is
    the system a comparison is paired with; difference is this system minus the reference. judge: whose
    verdicts a win rate is made of.

    An example without an output counts 0 in scores and win rates, and n counts it; what is measured on an
    output (nll, lengths, bytes) leaves it out. failures counts such examples, and pairs without an answer.

    p_value: two-sided, of no difference. p_within and p_worse are those of `stats.MarginTest`, what claims
    rest on. negative: the control at the other end of the retention; p_controls: one-sided, that on these
    examples it is not below the reference.
    """

    task: str
    split: str
    system: str
    condition: Condition | None
    control: Control | None
    compressor: str
    k: int
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    unit: str
    n: int
    clusters: int
    failures: int
    reference: str | None = None
    difference: float | None = None
    difference_ci_low: float | None = None
    difference_ci_high: float | None = None
    p_value: float | None = None
    retention: float | None = None
    retention_ci_low: float | None = None
    retention_ci_high: float | None = None
    judge: str | None = None
    p_within: float | None = None
    p_worse: float | None = None
    negative: str | None = None
    p_controls: float | None = None

    @property
    def measured(self) -> str:
        """The metric, and the judge of a judged one: `win_rate-JUDGE`."""
        return self.metric if self.judge is None else f"{self.metric}-{self.judge}"
