"""Cached, masked and stock passes over a few rows of a run: figures for its manifest, or InvalidRun."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from gisteval.compressors.base import Compressor
from gisteval.errors import InvalidRun
from gisteval.generation.selfcheck.alone import SELECTION_LIMIT, loss_differences, selection_difference
from gisteval.generation.selfcheck.control import CEILING, FACTOR, FLOOR, STATES_FACTOR, Control, Pass
from gisteval.generation.selfcheck.decoding import DecodedPath
from gisteval.generation.selfcheck.distance import row_difference, worst_row
from gisteval.generation.selfcheck.passes import Reading, masked_readings
from gisteval.generation.selfcheck.rows import Rows, make_rows
from gisteval.generation.selfcheck.states import cached_states, recorded
from gisteval.generation.selfcheck.stock import ALONE, AgainstStock
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import buffer_ratio
from gisteval.records.budget import Budget
from gisteval.records.schema import Example

GREEDY_TOKENS = 16


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """How far apart the paths are, on rows of different prompts and lengths.

    A difference is in nats: the root mean square over the vocabulary, the upper quartile over a row's
    positions, the worst row.

    Attributes:
        examples: Rows that were compared.
        tokens: Tokens of their targets.
        max_nll_difference: Cached against masked, of the single worst token of a target.
        greedy_mismatches: Rows where the masked pass chooses another token. Only a near-tie is accepted.
        decoded: Tokens that were decoded.
        loss_difference: Cached against masked, along the targets.
        decoded_difference: Cached against masked, along the decoded tokens.
        state_ratio: Cached against masked, behind each layer, as a multiple of the control there.
        batch_difference: Masked, in a batch against alone.
        stock_difference: The whole prompt, masked, in a batch, against the stock model, alone. None if no
            whole prompt fits into the context.
        rounding: The control: the masked pass against itself, each layer's result moved by rounding.
        tolerance: What any difference may be.
        broken_rows: Rows whose answer is not what decoding chose.
        selection_difference: The share of a prompt's slots that differ if it is compressed alone, of the
            worst row. None if a rule says what is kept.
        stored_difference: Of the losses behind prompts as they are stored, from those behind what the
            stored form must read as. Both are of the same numbers, so it may be `FLOOR` in any dtype. None
            if states are stored as they are.
        slot_bytes: States of one slot in memory, of all layers.
        buffer_ratio: Slots of the buffers over slots kept, see `compressed.buffer_ratio`.
    """

    examples: int
    tokens: int
    max_nll_difference: float
    greedy_mismatches: int
    decoded: int = 0
    loss_difference: float = 0.0
    decoded_difference: float = 0.0
    state_ratio: float = 0.0
    batch_difference: float = 0.0
    stock_difference: float | None = None
    rounding: float = 0.0
    tolerance: float = 0.0
    broken_rows: int = 0
    selection_difference: float | None = None
    stored_difference: float | None = None
    slot_bytes: int | None = None
    buffer_ratio: float | None = None

    def to_json(self) -> dict[str, float | int]:
        """Plain form for the manifest."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def check_cached_path(
    model: PromptModel,
    compressor: Compressor,
    budget: Budget | None,
    examples: Sequence[Example],
    greedy_tokens: int = GREEDY_TOKENS,
    stock: AgainstStock | None = None,
) -> SelfCheck:
    """Compare the paths on these examples.

    Args:
        model: The model of the run.
        compressor: The compressor of the run.
        budget: What it keeps.
        examples: The rows to compare.
        greedy_tokens: Tokens to decode of each row.
        stock: What systems of this very model share.

    Raises:
        InvalidRun: The paths differ by more than rounding, or decoding returns other tokens than it chose.
    """
    if not examples:
        raise InvalidRun("no example fits into the model's context: the self-check has nothing to run")
    check = measure_paths(model, compressor, budget, examples, greedy_tokens, stock)
    problem = failure(check)
    if problem is None:
        return check
    advice = "; try --dtype float32" if FACTOR * check.rounding > CEILING else ""
    raise InvalidRun(
        f"self-check failed for compressor {compressor.name}: {problem}, where rounding explains "
        f"{check.tolerance:.2g}; nothing was evaluated{advice}"
    )


def failure(check: SelfCheck) -> str | None:
    """What is wrong, if anything: the first difference on the way from the stock model to an answer."""
    tolerance = check.tolerance
    # Written so that a difference that is no number is one.
    if check.stock_difference is not None and not check.stock_difference <= tolerance:
        return (
            "gisteval's pass over a whole prompt and the stock model's differ by "
            f"{check.stock_difference:.2g} nats"
        )
    if not check.batch_difference <= tolerance:
        return (
            f"a row alone and beside other rows differ by {check.batch_difference:.2g} nats, so results "
            "depend on the batch"
        )
    share = check.selection_difference
    if share is not None and not share <= SELECTION_LIMIT:
        return (
            f"a prompt compressed alone and beside others keeps {100 * share:.0f}% other slots, so results "
            "depend on the batch"
        )
    if check.stored_difference is not None and not check.stored_difference <= FLOOR:
        return (
            f"losses behind prompts as they are stored differ by {check.stored_difference:.2g} nats from "
            "those behind their states rounded a second way"
        )
    same = check.loss_difference <= tolerance and check.decoded_difference <= tolerance
    if same and not check.broken_rows:
        if check.state_ratio <= STATES_FACTOR:
            return None
        return (
            "between its layers the cached path differs from the masked one by "
            f"{check.state_ratio:.2g} times what rounding does"
        )
    cached = max(check.loss_difference, check.decoded_difference)
    return (
        f"cached and masked paths differ by {cached:.2g} nats and in {check.greedy_mismatches} greedy "
        "continuations"
    )


def measure_paths(
    model: PromptModel,
    compressor: Compressor,
    budget: Budget | None,
    examples: Sequence[Example],
    greedy_tokens: int = GREEDY_TOKENS,
    stock: AgainstStock | None = None,
) -> SelfCheck:
    """The figures alone, whatever they say. Raises InvalidRun where logits are not finite."""
    rows = make_rows(model, compressor, budget, examples)
    with recorded(model) as layers:
        batch = model.run(rows.compressed, rows.inputs)
    states = cached_states(model, layers, rows.compressed, rows.inputs)
    cached = batch.nll(rows.targets)
    path = DecodedPath(model, batch, greedy_tokens)
    masked = Pass(model, rows.prompts, rows.inputs, rows.targets, rows.visible)
    along = Pass(model, rows.prompts, rows.inputs, path.fed, rows.visible)
    _check_finite(examples, [*masked.readings, *along.readings])
    losses = [
        (cached_loss + masked_reading.chosen).abs()
        for cached_loss, masked_reading in zip(cached, masked.readings, strict=True)
    ]
    broken = [not path.is_own_choice(row, rows.tokens_before_answer(row)) for row in range(len(rows))]
    differing = [
        wrong or not path.is_choice_of(row, along.readings[row]) for row, wrong in enumerate(broken)
    ]
    decoded = [path.distance(row, uncached) for row, uncached in enumerate(along.readings)]
    apart_from_stock, whole = (stock or AgainstStock()).differences(model, rows)
    share, apart = _compressed_alone(model, budget, rows)
    control = Control(model, masked.readings)
    control.draw(masked)
    check = SelfCheck(
        examples=len(rows),
        tokens=sum(map(len, rows.targets)),
        max_nll_difference=max(float(loss.max()) for loss in losses),
        greedy_mismatches=sum(differing),
        decoded=sum(len(answer.token_ids) for answer in path.answers),
        loss_difference=worst_row(losses),
        decoded_difference=worst_row(decoded),
        batch_difference=worst_row([*_against_alone(model, rows, masked.readings), *apart]),
        stock_difference=worst_row(apart_from_stock) if apart_from_stock else None,
        broken_rows=sum(broken),
        selection_difference=share,
        stored_difference=worst_row(_as_stored(model, rows)) if rows.stored else None,
        slot_bytes=model.slot_bytes,
        buffer_ratio=buffer_ratio(rows.chosen),
    )
    while True:
        ratios = control.state_ratios(states, masked.readings)
        check = replace(
            check,
            rounding=control.rounding,
            tolerance=control.tolerance,
            state_ratio=float(torch.tensor(ratios).max()),
        )
        is_tie = not check.broken_rows and not _many_are_apart(control, losses, decoded, ratios)
        if failure(check) is None or control.is_complete or not is_tie:
            return check
        control.draw(masked, along, *whole)


def _many_are_apart(
    control: Control, losses: Sequence[Tensor], decoded: Sequence[Tensor], ratios: Sequence[float]
) -> bool:
    """True if more than a quarter of the rows differ, which near ties don't do."""
    apart = [
        row_difference(loss) > control.tolerance
        or row_difference(other) > control.tolerance
        or ratio > STATES_FACTOR
        for loss, other, ratio in zip(losses, decoded, ratios, strict=True)
    ]
    return sum(apart) > len(apart) / 4


def _check_finite(examples: Sequence[Example], readings: Iterable[Reading]) -> None:
    for row, row_reading in enumerate(readings):
        if row_reading.logs.isnan().any() or not row_reading.chosen.isfinite().all():
            raise InvalidRun(
                f"the logits of {examples[row % len(examples)].id} are not finite: the weights are damaged "
                "or overflow, try --dtype float32; nothing was evaluated"
            )


def _against_alone(model: PromptModel, rows: Rows, together: Sequence[Reading]) -> list[Tensor]:
    chosen = rows.shortest_and_longest(ALONE)
    part = rows.only(chosen)
    alone = masked_readings(model, part.prompts, part.inputs, part.targets, part.visible, rows_at_a_time=1)
    return [together[row].distance(row_alone) for row, row_alone in zip(chosen, alone, strict=True)]


def _as_stored(model: PromptModel, rows: Rows) -> list[Tensor]:
    """Nats of the losses behind prompts as they are stored, from those behind what they must read as."""
    pair = (model.run(prompts, rows.inputs).nll(rows.targets) for prompts in (rows.stored, rows.expected))
    return [(one - other).abs() for one, other in zip(*pair, strict=True)]


def _compressed_alone(
    model: PromptModel, budget: Budget | None, rows: Rows
) -> tuple[float | None, list[Tensor]]:
    """The share of slots that differ if rows are compressed alone, and the differences of their losses.

    There are no losses where the proof is of the very prompts that a run uses.
    """
    part = rows.only(rows.shortest_and_longest(ALONE) if rows.chosen else [])
    alone = [rows.compressor.compress(model, [text], budget)[0] for text in part.instructions]
    pairs = list(zip(part.chosen, alone, strict=True))
    if not pairs:
        return None, []
    share = selection_difference(pairs)
    proven = all(chosen is compared for chosen, compared in zip(part.chosen, part.compressed, strict=True))
    if proven and share is not None:
        return share, []
    return share, loss_differences(model, pairs, part.inputs, part.targets)
