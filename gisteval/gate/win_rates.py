"""The win rates of one side of a comparison, from a judge's verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.gate.measures import BoolArray, JudgeFigures, SideValues, absent_outputs, text_digests
from gisteval.gate.sides import Side, read_values
from gisteval.judging.pairs import PairScore, item_means, pair_scores
from gisteval.judging.study import Study
from gisteval.metrics.text import ControlMatch
from gisteval.records.samples import sampled
from gisteval.records.schema import Example, Generation, Verdict
from gisteval.scores.lines import ScoredOutput
from gisteval.stats.samples import FloatArray

CONTROL_MATCH = ControlMatch()


def choose_judge(sides: Sequence[Side], judge: str | None) -> str:
    """Choose the judge whose verdicts are compared: the one named, or the only one of all sides.

    Raises:
        InvalidRun: The sides were not judged by the same judge.
        GistevalError: Several judges are possible, so one must be named.
    """
    judged = {side: side.run.judges_of(side.system) for side in sides if not side.is_positive}
    for side, names in judged.items():
        if not names or (judge is not None and judge not in names):
            wanted = f" --judge {judge}" if judge else ""
            others = f", only by {', '.join(names)}" if names else ""
            raise InvalidRun(
                f"{side} was not judged{' by ' + judge if judge else ''}{others}: "
                f"gisteval judge {side.run.path}{wanted}"
            )
    if judge is not None or not judged:
        return judge or "none"
    shared = sorted(set.intersection(*map(set, judged.values())))
    if not shared:
        listed = " and ".join(", ".join(names) for names in judged.values())
        raise InvalidRun(f"the runs have verdicts of different judges ({listed}): judge both by one")
    if len(shared) > 1:
        raise GistevalError(f"several judges judged both runs: name one with --judge: {', '.join(shared)}")
    return shared[0]


def win_rate_values(
    side: Side, split: str, examples: Sequence[Example], study: Study, partial: bool = False
) -> SideValues:
    """Read a side's win rates against the positive control from the judge's verdicts in the side's run.

    Args:
        side: The system and its run.
        split: The split.
        examples: Its examples.
        study: The judge's verdicts in the run.
        partial: Whether pairs may be unjudged. The result says which ones are.

    Raises:
        InvalidRun: A pair was never judged, the pairs have different opponents, or the manifest does not
            name the system.
    """
    scored = read_values(side.run, side.system, split, examples, ())
    outputs = {content: output.generation for content, output in scored.items()}
    if side.is_positive:
        return _even(side.system, absent_outputs(outputs, examples), outputs)
    judge = study.judge
    verdicts = [v for v in side.run.read_verdicts(judge, side.system, split) if v.purpose == "main"]
    reference = _reference(side, split, verdicts)
    positive = read_values(side.run, reference, split, examples, ())
    comparable = [e for e in examples if e.content_id in outputs and e.content_id in positive]
    drawn = side.run.manifest().samples
    scores = _judged(verdicts, partial)
    pairs, beaten = _pairs(comparable, scored, positive, drawn)
    waiting = {item for pair, item in pairs.items() if pair not in scores}
    unjudged = [e for e in comparable if e.content_id in waiting]
    if unjudged and not partial:
        never = counted(len(unjudged), f"pair of {split} was", f"pairs of {split} were")
        raise InvalidRun(
            f"{side}: {never} never judged by {judge} "
            f"({unjudged[0].id}, ...): gisteval judge {side.run.path} --judge {judge}"
        )
    if (side.system, split) not in study.summaries:
        raise InvalidRun(
            f"{side.run.path}: {side.system} has no figures of {judge} on {split}, since manifest.json "
            "names other systems than the verdicts: restore it, or judge the run anew"
        )
    by_pair = {pair: scores[pair].value for pair in pairs if pair in scores}
    known = item_means(by_pair | dict.fromkeys(beaten, 0.0), pairs | beaten)
    equal = CONTROL_MATCH.between_samples(
        text_digests(scored, comparable), text_digests(positive, comparable)
    )
    lost = {e.content_id for e in examples if e.content_id in positive and e.content_id not in outputs}
    values = [0.0 if e.content_id in lost else _percent(known.get(e.content_id)) for e in examples]
    return SideValues(
        np.array(values),
        absent_outputs(outputs, examples),
        outputs,
        len(examples) - len(comparable),
        float(equal.mean()) if comparable else None,
        JudgeFigures.of(study.summaries[side.system, split]),
        unseen=np.array([e.content_id in waiting for e in examples]) if waiting else None,
        repeats=_repeats(scores, examples, drawn),
    )


def _even(system: str, absent: BoolArray, outputs: Mapping[str, Generation]) -> SideValues:
    """Return the positive control's win rates against itself: 50, and 0 without an output."""
    count = int((~absent).sum())
    figures = JudgeFigures(system, ties=count)
    values = np.where(absent, 0.0, 50.0)
    return SideValues(values, absent, outputs, len(absent) - count, 100.0, figures)


def _judged(verdicts: Sequence[Verdict], partial: bool) -> dict[str, PairScore]:
    """Score the pairs. partial: leave out those that were shown in one of two orders so far."""
    scores = pair_scores(verdicts)
    orders = max((len(score.by_order) for score in scores.values()), default=0) if partial else 0
    return {pair: score for pair, score in scores.items() if not partial or len(score.by_order) == orders}


def _pairs(
    examples: Sequence[Example],
    ours: Mapping[str, ScoredOutput],
    theirs: Mapping[str, ScoredOutput],
    drawn: int | None,
) -> tuple[dict[str, str], dict[str, str]]:
    """Return each pair's content id by its answer id: pairs to judge, and those lost without output."""
    pairs: dict[str, str] = {}
    lost: dict[str, str] = {}
    for example in examples:
        content = example.content_id
        texts = zip(sampled([example], drawn), ours[content].texts, theirs[content].texts, strict=True)
        for one, our_text, their_text in texts:
            if their_text is not None:
                (lost if our_text is None else pairs)[one.answer_id] = content
    return pairs, lost


def _repeats(
    scores: Mapping[str, PairScore], examples: Sequence[Example], drawn: int | None
) -> FloatArray | None:
    """Return the win rate of each answer in percent, shape (n, K); None if examples have one each."""
    if drawn is None or drawn < 2:
        return None
    rows = ([scores.get(one.answer_id) for one in sampled([e], drawn)] for e in examples)
    return np.array([[np.nan if one is None else _percent(one.value) for one in row] for row in rows])


def check_same_positive(
    candidate: Side, baseline: Side, references: tuple[str, str], split: str, examples: Sequence[Example]
) -> None:
    """Check that both positive controls gave the same outputs. Their names may differ.

    Raises:
        InvalidRun: Outputs differ, so the two win rates have different opponents.
    """
    ours, theirs = (
        read_values(side.run, name, split, examples, ())
        for side, name in zip((candidate, baseline), references, strict=True)
    )
    different = [
        e
        for e in examples
        if (e.content_id in ours) != (e.content_id in theirs)
        or (e.content_id in ours and ours[e.content_id].texts != theirs[e.content_id].texts)
    ]
    if different:
        raise InvalidRun(
            f"split {split}: the positive controls {references[0]} of {candidate.run.path} and "
            f"{references[1]} of {baseline.run.path} differ in {len(different)} of {len(examples)} outputs "
            f"({different[0].id}, ...): win rates are comparable only against the same outputs, so run "
            "both with the same control"
        )


def _reference(side: Side, split: str, verdicts: Sequence[Verdict]) -> str:
    names = sorted({verdict.reference for verdict in verdicts})
    if len(names) != 1:
        problem = f"was judged against {', '.join(names)}" if names else "was never judged"
        raise InvalidRun(f"{side} {problem} on {split}: judge it against one positive control")
    return names[0]


def _percent(score: float | None) -> float:
    return np.nan if score is None else 100.0 * score
