"""The FLOPs of one shape by closed form, fvcore and torch, for `gisteval profile --shape`."""

from __future__ import annotations

from dataclasses import dataclass

from gisteval.errors import GistevalError
from gisteval.profiling.closed_form import Flops, decode, forward
from gisteval.profiling.meta import Pass
from gisteval.profiling.operators import OperatorCounter, OperatorCounts, Uncountable
from gisteval.profiling.shapes import MOST_TOKENS, EncoderDecoderShape, ModelShape


@dataclass(frozen=True)
class Counts:
    """FLOPs of the same passes by three methods.

    Attributes:
        closed_form: By closed form. None if the closed forms don't apply.
        fvcore: By fvcore.
        torch: By torch.
    """

    closed_form: int | None
    fvcore: int
    torch: int

    def differences(self) -> dict[str, float] | None:
        """Return fvcore and torch minus the closed form, in percent of the closed form."""
        if not self.closed_form:
            return None
        return {
            name: 100.0 * (value - self.closed_form) / self.closed_form
            for name, value in (("fvcore", self.fvcore), ("torch", self.torch))
        }


@dataclass(frozen=True)
class ShapeFlops:
    """The FLOPs of a forward pass and of the one-token passes that follow it.

    The forward pass gives the first output token, so output_tokens = 1 is the paper's protocol.

    Attributes:
        shape: The model.
        input_tokens: Tokens that the forward pass runs.
        cached_tokens: Slots in the cache before them.
        output_tokens: Tokens that are produced.
        prefill: FLOPs of the forward pass.
        decode: FLOPs of the passes after it. None if there are none.
        closed_parts: FLOPs of all passes by kind. None if the closed forms don't apply.
        unsupported: Calls of each operator that fvcore has no rule for.
        traced_layers: Which layers were traced.
    """

    shape: ModelShape
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    prefill: Counts
    decode: Counts | None
    closed_parts: Flops | None
    unsupported: dict[str, int]
    traced_layers: str

    @property
    def total(self) -> Counts:
        """FLOPs of the forward pass and of decoding together."""
        if self.decode is None:
            return self.prefill
        first, rest = self.prefill, self.decode
        both = None
        if first.closed_form is not None and rest.closed_form is not None:
            both = first.closed_form + rest.closed_form
        return Counts(both, first.fvcore + rest.fvcore, first.torch + rest.torch)


def shape_flops(
    shape: ModelShape, input_tokens: int, cached_tokens: int, output_tokens: int = 1
) -> ShapeFlops:
    """Count the FLOPs of `input_tokens` run behind `cached_tokens`, and of the output tokens.

    Raises:
        GistevalError: A length is out of range, or the model can't run without weights.
    """
    if input_tokens < 1 or cached_tokens < 0 or output_tokens < 1:
        raise GistevalError(
            "--input-tokens and --output-tokens must be at least 1, --cached-tokens at least 0"
        )
    if max(input_tokens, cached_tokens, output_tokens) > MOST_TOKENS:
        raise GistevalError(
            f"--input-tokens, --cached-tokens and --output-tokens must be at most {MOST_TOKENS:,}"
        )
    counter = OperatorCounter(shape.config)
    try:
        prefill = counter.count(Pass(input_tokens, cached_tokens))
    except Uncountable as error:
        raise GistevalError(f"{error}; gisteval profile --model times a checkpoint without them") from error
    unsupported = dict(prefill.unsupported)
    steps = output_tokens - 1
    later: OperatorCounts | None = None
    if steps:
        is_t5 = isinstance(shape.closed, EncoderDecoderShape) or shape.config["model_type"] == "t5"
        later = counter.count_decoding(input_tokens, cached_tokens, steps, is_t5)
        for name, calls in later.unsupported.items():
            unsupported[name] = unsupported.get(name, 0) + calls
    parts = forward(shape.closed, input_tokens, cached_tokens) if shape.closed else None
    closed_later = decode(shape.closed, input_tokens, cached_tokens, steps) if shape.closed else None
    both = parts + closed_later if parts and closed_later else None
    return ShapeFlops(
        shape=shape,
        input_tokens=input_tokens,
        cached_tokens=cached_tokens,
        output_tokens=output_tokens,
        prefill=Counts(parts.total if parts else None, prefill.fvcore, prefill.torch),
        decode=None
        if later is None
        else Counts(closed_later.total if closed_later else None, later.fvcore, later.torch),
        closed_parts=both,
        unsupported=unsupported,
        traced_layers=prefill.traced_layers,
    )
