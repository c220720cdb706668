"""Samples: each example with the outputs of all systems, their scores and judgements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gisteval.judging.pairs import pair_scores
from gisteval.metrics import LEADING, Metric, OutputMetric, metric
from gisteval.metrics.text import ExactMatch
from gisteval.records.schema import Example, Verdict, answer_id
from gisteval.report.data import ReportData, RunData
from gisteval.report.gallery import failure_groups
from gisteval.scores.lines import ScoredOutput
from gisteval.scores.repeats import read_scores

EXACT = ExactMatch()

SLUG = 12
"""The number of characters of the content id that name a sample in a link."""


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """A system of a run.

    Attributes:
        name: Its name, unique among all runs.
        role: candidate, positive or negative.
        k: Its number of gist tokens or slots.
        reference: The positive control that it is compared with, if there is one.
        compressor: The compressor with its settings.
    """

    name: str
    role: str
    k: int
    reference: str | None
    compressor: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's verdicts on one output against the positive control.

    Attributes:
        value: 1 for a win, 1/2 for a tie, 0 for a loss, or the mean of both orders, and of all answers to
            the example; None if one of them was not judged.
        verdicts: The verdicts, one for each order and answer.
    """

    value: float | None
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """One system's output on an example.

    Attributes:
        text: The output, the first one of several.
        finished: Whether it ended before the length limit; None if unknown.
        score: The value of the leading metric, or of its stand-in if the leading one can't read the split's
            references; None if unknown.
        exact: Whether it equals the reference.
        judgements: The judgements, by judge.
        groups: The failure groups that it belongs to.
    """

    text: str
    finished: bool | None
    score: float | None
    exact: bool
    judgements: Mapping[str, Judgement]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """An example with its outputs.

    Attributes:
        slug: Its name in links.
        example: The example.
        outputs: The outputs by the system's name; absent without an output.
    """

    slug: str
    example: Example
    outputs: Mapping[str, Output]


@dataclass(frozen=True, slots=True)
class Samples:
    """All samples of one or more runs.

    Attributes:
        systems: The systems, in the order of the runs.
        splits: The splits.
        judges: The judges.
        samples: The samples, in the order of their splits.
        without_output: The content ids of the examples without an output, by system and split.
        leading: The name of the metric of the scores.
    """

    systems: tuple[SystemInfo, ...]
    splits: tuple[str, ...]
    judges: tuple[str, ...]
    samples: tuple[Sample, ...]
    without_output: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    leading: str = LEADING

    def of_role(self, role: str) -> tuple[SystemInfo, ...]:
        """Return the systems of one role, in the order of the runs."""
        return tuple(system for system in self.systems if system.role == role)


def collect_samples(data: ReportData) -> Samples:
    """Match the outputs of all runs by split and content.

    Raises:
        GistevalError: Records are damaged.
    """
    systems: list[SystemInfo] = []
    examples: dict[tuple[str, str, str], Example] = {}
    outputs: dict[tuple[str, str], dict[str, Output]] = {}
    judges: dict[str, None] = {}
    without_output = {}
    for run in data.runs:
        run_systems = _systems(run)
        systems += run_systems.values()
        verdicts = _verdicts(run)
        judges.update(dict.fromkeys(judge for judge, _, _ in verdicts))
        for split in run.folder.splits:
            wanted = {}
            examples_here = run.folder.examples(split)
            score = _score_of(data.leading, examples_here)
            for example in examples_here:
                examples.setdefault((split, example.content_id, example.id), example)
                wanted[example.content_id] = example
            for name, system in run_systems.items():
                unanswered = set(wanted)
                of_system = {
                    judge: by_pair
                    for (judge, judged, where), by_pair in verdicts.items()
                    if (judged, where) == (name, split)
                }
                for scored in read_scores(run.folder, name, split, examples_here, (score, EXACT)):
                    content = scored.generation.content
                    unanswered.discard(content)
                    judged = _judgements(of_system, content, len(scored.samples))
                    output = _output(scored, judged, score)
                    outputs.setdefault((split, content), {})[system.name] = output
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
    """Return the metric of a split's scores: the leading one, or its stand-in if it can't read them."""
    blind = leading.unread([example.output for example in examples]).too_many
    score = metric(leading.stand_in) if blind and leading.stand_in is not None else leading
    assert isinstance(score, OutputMetric)
    return score


def _systems(run: RunData) -> dict[str, SystemInfo]:
    """Return a run's systems by their names in the run."""
    compared = {row.system: row.reference for row in run.rows if row.reference is not None}
    entries = run.folder.systems
    positives = [run.names.get(system.name, system.name) for system in entries if system.role == "positive"]
    only = positives[0] if len(positives) == 1 else None
    known = {run.names.get(system.name, system.name) for system in entries}
    systems = {}
    for system in entries:
        name = run.names.get(system.name, system.name)
        role = system.role
        reference = None if role == "positive" else compared.get(name, only)
        if reference not in known:  # the manifest doesn't describe it, so it can't be shown
            reference = None
        systems[system.name] = SystemInfo(name, role, system.k, reference, str(system.compressor))
    return systems


Judged = Mapping[str, Judgement]

NOT_JUDGED: Judged = {}
"""One for all outputs of a run without a judge, of which there may be millions."""


def _verdicts(run: RunData) -> dict[tuple[str, str, str], Judged]:
    """Return the judgements behind win rates by (judge, system, split), then by pair."""
    verdicts_of: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in run.folder.all_verdicts():
        if verdict.purpose == "main":
            verdicts_of.setdefault((verdict.judge, verdict.system, verdict.split), []).append(verdict)
    return {key: _by_pair(verdicts) for key, verdicts in verdicts_of.items()}


def _by_pair(verdicts: Iterable[Verdict]) -> Judged:
    latest: dict[str, dict[str, Verdict]] = {}
    for verdict in verdicts:
        latest.setdefault(verdict.pair, {})[verdict.order] = verdict
    scores = pair_scores(verdict for shown in latest.values() for verdict in shown.values())
    return {
        pair: Judgement(scores[pair].value, tuple(shown[order] for order in sorted(shown)))
        for pair, shown in latest.items()
    }


def _judgements(by_judge: Mapping[str, Judged], content: str, answers: int) -> Mapping[str, Judgement]:
    """Return the judgements on a system's answers to an example, by judge."""
    if not by_judge:
        return NOT_JUDGED
    pairs = [answer_id(content, sample) for sample in range(max(1, answers))]
    found = {}
    for judge, by_pair in by_judge.items():
        own = [by_pair[pair] for pair in pairs if pair in by_pair]
        if own:
            values = [judgement.value for judgement in own if judgement.value is not None]
            value = sum(values) / len(values) if len(values) == len(own) else None
            found[judge] = Judgement(value, tuple(v for judgement in own for v in judgement.verdicts))
    return found


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
