"""From the records of runs to sample rows: one example with what every system made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gisteval.judging.pairs import pair_scores
from gisteval.metrics import LEADING, Metric, OutputMetric, metric
from gisteval.metrics.text import ExactMatch
from gisteval.records.schema import Example, Verdict
from gisteval.report.data import ReportData, RunData
from gisteval.report.gallery import failure_groups
from gisteval.scores.lines import ScoredOutput, read_scores

EXACT = ExactMatch()

SLUG = 12
"""Characters of the content id that name a sample in a link."""


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """A system of a run under a name that is its own among all runs.

    role: candidate, positive or negative. reference: the positive control it is compared with.
    """

    name: str
    role: str
    k: int
    reference: str | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's value of one output against the reference system: 1, 1/2, 0, or None without an answer."""

    value: float | None
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """One system's output: its scores, judgements by judge, and its failure groups.

    score: the value of the leading metric, or of the one that stands in for it where that can't read the
    split's references; None where it is not known. exact: whether it is the reference.
    """

    text: str
    finished: bool | None
    score: float | None
    exact: bool
    judgements: Mapping[str, Judgement]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """An example and its outputs by system name; a system without an output has none here."""

    slug: str
    example: Example
    outputs: Mapping[str, Output]


@dataclass(frozen=True, slots=True)
class Samples:
    """All samples of some runs, in the order of their splits.

    without_output: by system and split, the content ids that the system was asked and has no output for.
    leading: the name of the metric that scores are of.
    """

    systems: tuple[SystemInfo, ...]
    splits: tuple[str, ...]
    judges: tuple[str, ...]
    samples: tuple[Sample, ...]
    without_output: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    leading: str = LEADING

    def of_role(self, role: str) -> tuple[SystemInfo, ...]:
        """The systems of one role, in the order of the runs."""
        return tuple(system for system in self.systems if system.role == role)


def collect_samples(data: ReportData) -> Samples:
    """Line up the outputs of all runs by split and content. Raises GistevalError for damaged records."""
    systems: list[SystemInfo] = []
    examples: dict[tuple[str, str, str], Example] = {}
    outputs: dict[tuple[str, str], dict[str, Output]] = {}
    judges: dict[str, None] = {}
    without_output = {}
    for run in data.runs:
        own = _systems(run)
        systems += own.values()
        verdicts = _verdicts(run)
        judges.update(dict.fromkeys(judge for judge, _, _ in verdicts))
        for split in run.folder.splits:
            wanted = {}
            found = run.folder.examples(split)
            score = _score_of(data.leading, found)
            for example in found:
                examples.setdefault((split, example.content_id, example.id), example)
                wanted[example.content_id] = example
            for name, system in own.items():
                unanswered = set(wanted)
                for scored in read_scores(run.folder, name, split, found, (score, EXACT)):
                    content = scored.generation.content
                    unanswered.discard(content)
                    judged = _judgements(verdicts, name, split, scored.example)
                    made = _output(scored, judged, score)
                    outputs.setdefault((split, content), {})[system.name] = made
                without_output[system.name, split] = frozenset(unanswered)
    return Samples(
        tuple(systems),
        tuple(dict.fromkeys(split for split, _, _ in examples)),
        tuple(judges),
        tuple(_samples(examples, outputs)),
        without_output,
        data.leading.name,
    )


def _score_of(leading: Metric, examples: Sequence[Example]) -> OutputMetric:
    """The metric of a split's scores: the leading one, or its stand-in where that can't read them."""
    blind = leading.unread([example.output for example in examples]).too_many
    found = metric(leading.stand_in) if blind and leading.stand_in is not None else leading
    assert isinstance(found, OutputMetric)
    return found


def _systems(run: RunData) -> dict[str, SystemInfo]:
    """A run's systems by their own names there."""
    compared = {row.system: row.reference for row in run.rows if row.reference is not None}
    found = run.folder.systems
    positives = [run.names.get(system.name, system.name) for system in found if system.role == "positive"]
    only = positives[0] if len(positives) == 1 else None
    known = {run.names.get(system.name, system.name) for system in found}
    systems = {}
    for system in found:
        name = run.names.get(system.name, system.name)
        role = system.role
        reference = None if role == "positive" else compared.get(name, only)
        if reference not in known:  # the manifest knows nothing of it, so nothing of it can be shown
            reference = None
        systems[system.name] = SystemInfo(name, role, system.k, reference)
    return systems


Judged = Mapping[str, Judgement]


def _verdicts(run: RunData) -> dict[tuple[str, str, str], Judged]:
    """Judgements by (judge, system, split), then by pair; only those that make the win rate."""
    by_system: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in run.folder.all_verdicts():
        if verdict.purpose == "main":
            by_system.setdefault((verdict.judge, verdict.system, verdict.split), []).append(verdict)
    return {key: _by_pair(verdicts) for key, verdicts in by_system.items()}


def _by_pair(verdicts: Iterable[Verdict]) -> Judged:
    latest: dict[str, dict[str, Verdict]] = {}
    for verdict in verdicts:
        latest.setdefault(verdict.pair, {})[verdict.order] = verdict
    scores = pair_scores(verdict for shown in latest.values() for verdict in shown.values())
    return {
        pair: Judgement(scores[pair].value, tuple(shown[order] for order in sorted(shown)))
        for pair, shown in latest.items()
    }


def _judgements(
    verdicts: Mapping[tuple[str, str, str], Judged], system: str, split: str, example: Example
) -> dict[str, Judgement]:
    pair = example.content_id
    return {
        judge: found[pair]
        for (judge, judged, where), found in verdicts.items()
        if (judged, where) == (system, split) and pair in found
    }


def _output(scored: ScoredOutput, judgements: Mapping[str, Judgement], score: OutputMetric) -> Output:
    generation = scored.generation
    return Output(
        text=generation.output,
        finished=generation.finished,
        score=scored.values.get(score.name),
        exact=scored.values[EXACT.name] == EXACT.high,
        judgements=judgements,
        groups=failure_groups(
            replace(scored.example, output=scored.reference), generation.output, generation.finished
        ),
    )


def _samples(
    examples: Mapping[tuple[str, str, str], Example],
    outputs: Mapping[tuple[str, str], Mapping[str, Output]],
) -> Iterable[Sample]:
    used: Counter[str] = Counter()
    for (split, content, _), example in examples.items():
        short = content[:SLUG]
        used[short] += 1
        slug = short if used[short] == 1 else f"{short}-{used[short]}"
        yield Sample(slug, example, outputs.get((split, content), {}))
