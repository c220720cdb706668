"""Tables of what judges said, and of how far to trust them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gisteval.judging.human import HUMAN
from gisteval.judging.veto import stated_trust
from gisteval.records.judge_figures import (
    AgreementFigures,
    ControlFigures,
    CorrectedFigures,
    Interval,
    JudgingEntry,
    LengthFigures,
    PairFigures,
    PanelFigures,
    pair_entries,
)
from gisteval.report.doubts import NO_DOUBTS, Doubts, doubts_of
from gisteval.report.layout import Table, plain_text
from gisteval.report.tables import interval_text

_RATES = ("system", "split", "win rate %", "won / tied / lost", "adjusted %", "equal outputs", "pairs")
_NOISE = (
    "system",
    "split",
    "flips %",
    "first shown wins %",
    "longer wins %",
    "points a doubling of length",
    "agrees with itself %",
    "kappa",
    "no answer",
    "cost $",
)
_RATE_NOTE = (
    "Against the positive control {reference}, ties half, 95% intervals clustered by instruction. "
    "Adjusted: at equal length, without the effect of position. Equal outputs are ties without a call."
)
_NOISE_NOTE = (
    "Flips: pairs that the two orders decide differently. First shown, longer: of the decided "
    "comparisons of outputs that differ; 50 is no preference. Agrees with itself: comparisons made twice."
)


_PANEL = ("system", "split", "annotators", "preferred %", "pairs", "answers", "Krippendorff's alpha")
_PANEL_NOTE = (
    "Pairs whose outputs differ, ties half: the mean over annotators, then over pairs. Alpha is of the "
    "nominal answers; 1 is perfect, 0 chance."
)
_CORRECTED = (
    "judge", "system", "split", "corrected win rate %", "labels alone %", "labels", "weight of the judge",
    "bias of the judge", "retained %", "decided pairs won %",
)  # fmt: skip
_CORRECTED_NOTE = (
    "Prediction-powered inference: the judge's scores of all pairs, corrected by what they miss on the "
    "labelled ones. Bias: by how many points the judge's scores exceed people's. Decided pairs won: Rogan "
    "and Gladen's correction for plain verdicts."
)
_LENGTH = ("judge", "system", "split", "win rate at equal length %", "effect of length")
_LENGTH_NOTE = (
    "AlpacaEval's logistic model of the difference in length, without its term for the difficulty of each "
    "instruction. The linear adjustment is the column adjusted of the judge's own table."
)
_UNCORRECTED = "Uncorrected: no labels of people correct this judge."
_AGREEMENT = ("system", "split", "judges", "agree %", "Cohen's kappa", "pairs")
_AGREEMENT_NOTE = "On the pairs that both judged. 1 is perfect, 0 what chance alone gives."


def judging_tables(entries: Sequence[JudgingEntry], doubts: Doubts = NO_DOUBTS) -> list[Table]:
    """For each judge its win rates, and how it behaves, marked where it can't be relied on.

    entries: the block `judging` of results.json.
    """
    tables = []
    controls = [entry for entry in entries if isinstance(entry, ControlFigures)]
    for judge in dict.fromkeys(entry.judge for entry in pair_entries(entries)):
        pairs = [entry for entry in pair_entries(entries) if entry.judge == judge]
        control = [entry for entry in controls if entry.judge == judge]
        references = ", ".join(dict.fromkeys(entry.reference for entry in pairs))
        rates = tuple(_rate_cells(entry) for entry in pairs)
        figures = tuple(_noise_cells(entry) for entry in pairs)
        note = f"{_RATE_NOTE.format(reference=references)} {uncorrected_text(judge, entries)}".strip()
        table = Table(f"win_rate-{judge}", f"Win rates, judge {judge}", _RATES, rates, note)
        tables.append(doubts.marked(table, judge))
        title = f"How judge {judge} behaves"
        note = " ".join([_NOISE_NOTE, *_control_texts(control)])
        tables.append(Table(f"noise-{judge}", title, _NOISE, figures, note))
    corrected = [entry for entry in entries if isinstance(entry, CorrectedFigures)]
    if corrected:
        rows = tuple(map(_corrected_cells, corrected))
        title = "Win rates corrected by people's labels"
        tables.append(Table("corrected", title, _CORRECTED, rows, _CORRECTED_NOTE))
    lengths = tuple(_length_cells(entry) for entry in entries if isinstance(entry, LengthFigures))
    if lengths:
        tables.append(Table("length", "Win rates at equal length", _LENGTH, lengths, _LENGTH_NOTE))
    panels = tuple(_panel_cells(entry) for entry in entries if isinstance(entry, PanelFigures))
    if panels:
        tables.append(Table("panel", "Human preference", _PANEL, panels, _PANEL_NOTE))
    return tables


def judging_text(entries: Sequence[JudgingEntry]) -> str:
    """The tables for a terminal, with the agreement of any two judges."""
    tables = judging_tables(entries, stated_doubts(entries))
    agreement = tuple(_agreement_cells(entry) for entry in entries if isinstance(entry, AgreementFigures))
    if agreement:
        tables.append(Table("agreement", "Agreement of judges", _AGREEMENT, agreement, _AGREEMENT_NOTE))
    return "\n".join(map(plain_text, tables))


def uncorrected_text(judge: str, entries: Sequence[JudgingEntry]) -> str:
    """Say that no labels of people correct a judge; empty if some do, or if it is people."""
    labelled = {entry.judge for entry in entries if isinstance(entry, CorrectedFigures)}
    return "" if judge.startswith(HUMAN) or judge in labelled else _UNCORRECTED


def stated_doubts(entries: Sequence[JudgingEntry]) -> Doubts:
    """What the entries of a single run state of their judges."""
    systems = dict.fromkeys(entry.system for entry in pair_entries(entries))
    splits = list(dict.fromkeys(entry.split for entry in pair_entries(entries)))
    return Doubts(doubts_of(stated_trust(entries).values(), {}, systems, splits))


def rate_text(entry: PairFigures) -> str:
    """A system's win rate with its interval, in percent."""
    return _interval(entry.win_rate)


def corrected_texts(entry: CorrectedFigures) -> tuple[str, str, str]:
    """A corrected win rate, that of the labels alone, both with intervals in percent, and the labels."""
    return _interval(entry.win_rate), _interval(entry.labels_alone), str(entry.labels)


def _rate_cells(entry: PairFigures) -> tuple[str, ...]:
    missing = f" ({entry.missing_pairs} without answer)" if entry.missing_pairs else ""
    return (
        entry.system,
        entry.split,
        rate_text(entry),
        f"{entry.wins} / {entry.ties} / {entry.losses}",
        _interval(entry.win_rate_adjusted),
        str(entry.equal_outputs),
        f"{entry.pairs}{missing}",
    )


def _noise_cells(entry: PairFigures) -> tuple[str, ...]:
    again = entry.again
    return (
        entry.system,
        entry.split,
        _interval(entry.flip_rate),
        _interval(entry.first_shown_share),
        _interval(entry.longer_share),
        _interval(entry.length_slope),
        "-" if again is None else f"{again.agreement:.0f} (n = {again.n})",
        "-" if again is None else _two_digits(again.kappa),
        f"{entry.errors + entry.invalid} of {entry.looks}",
        f"{entry.cost:.4f}",
    )


def _length_cells(entry: LengthFigures) -> tuple[str, ...]:
    effect = f"{entry.length_effect:+.2f}"
    return (entry.judge, entry.system, entry.split, _interval(entry.win_rate), effect)


def _corrected_cells(entry: CorrectedFigures) -> tuple[str, ...]:
    return (
        entry.judge,
        entry.system,
        entry.split,
        *corrected_texts(entry),
        f"{entry.weight:.2f}",
        f"{entry.bias:+.1f}",
        _interval(entry.retention),
        _interval(entry.rogan_gladen),
    )


def _panel_cells(entry: PanelFigures) -> tuple[str, ...]:
    return (
        entry.system,
        entry.split,
        str(len(entry.judges)),
        _interval(entry.preference),
        str(entry.pairs),
        str(entry.answers),
        _two_digits(entry.alpha),
    )


def _agreement_cells(entry: AgreementFigures) -> tuple[str, ...]:
    return (
        entry.system,
        entry.split,
        " and ".join(entry.judges),
        f"{entry.agreement:.0f}",
        _two_digits(entry.kappa),
        str(entry.n),
    )


def _two_digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _control_texts(entries: Sequence[ControlFigures]) -> Iterator[str]:
    """Yield a sentence for each control: how often it ties with itself, split by split."""
    for system in dict.fromkeys(entry.system for entry in entries):
        ties = []
        for entry in entries:
            if entry.system == system:
                first = entry.first_shown_share
                decided = "" if first is None else f" (of the others, the first shown in {first:.0f}%)"
                ties.append(f"in {entry.ties:.0f}% of {entry.answered} on {entry.split}{decided}")
        yield f"{system} against itself, a tie: {', '.join(ties)}."


def _interval(found: Interval | None) -> str:
    if found is None or found.value is None:
        return "-"
    return interval_text(found.value, found.ci_low, found.ci_high, 1)
