"""Closed forms of the FLOPs of a forward pass, as the PyTorch profiler counts them.

A multiply-accumulate of a matrix product counts 2, an element of the first operand of `mul` or `add` counts
1, and everything else (softmax, activations, square roots) counts 0. For the two models of "Learning to
Compress Prompts with Gist Tokens" (arXiv 2304.08467) the closed forms equal the `flops` column of the
released benchmark files exactly. That fixes even the sums that build the masks. They depend on the version
of transformers that was measured (4.28) and are below a millionth of the total.
"""

from __future__ import annotations

from dataclasses import dataclass

from gisteval.profiling.shapes import DecoderShape, EncoderDecoderShape, Shape


@dataclass(frozen=True, slots=True)
class Flops:
    """FLOPs by kind.

    Attributes:
        mm: Projections.
        bmm: Attention products.
        mul: Elementwise products.
        add: Elementwise sums.
    """

    mm: int
    bmm: int
    mul: int
    add: int

    @property
    def matrix(self) -> int:
        """FLOPs of matrix products only, as fvcore and torch count them."""
        return self.mm + self.bmm

    @property
    def total(self) -> int:
        """FLOPs of all four kinds."""
        return self.matrix + self.mul + self.add

    def __add__(self, other: Flops) -> Flops:
        """Return the sum by kind."""
        return Flops(self.mm + other.mm, self.bmm + other.bmm, self.mul + other.mul, self.add + other.add)

    def times(self, count: int) -> Flops:
        """Return so many times as much of each kind."""
        return Flops(count * self.mm, count * self.bmm, count * self.mul, count * self.add)


def forward(shape: Shape, tokens: int, cached: int, logits: int | None = None) -> Flops:
    """Return the FLOPs of one forward pass of one row.

    The tokens of an encoder-decoder go through its encoder. Then one decoder token sees all of them and
    the cached slots.

    Args:
        shape: Shape of the model.
        tokens: Tokens that are run.
        cached: Slots that are already in the cache.
        logits: For a decoder-only model, the positions that go through the output matrix: all by default
            (as the paper measures), 1 for decoding, 0 for filling a cache. For an encoder-decoder, 0
            leaves out the decoder, which gives the cost of compression.
    """
    if isinstance(shape, DecoderShape):
        return _decoder(shape, tokens, cached, tokens if logits is None else logits)
    encoder = _encoder(shape, tokens, cached)
    if logits == 0:
        return encoder
    return encoder + _first_decoder_token(shape, tokens + cached)


def filling(shape: DecoderShape) -> tuple[int, int, int]:
    """Return the coefficients of 1, n and n² in the FLOPs of filling a cache with n tokens."""
    one, two, three = (forward(shape, tokens, 0, logits=0).total for tokens in (1, 2, 3))
    square = (three - 2 * two + one) // 2
    line = two - one - 3 * square
    return one - line - square, line, square


def decode(shape: Shape, tokens: int, cached: int, steps: int) -> Flops:
    """Return the FLOPs of `steps` one-token passes after a pass of `tokens` behind `cached` slots."""
    if steps < 1:
        return Flops(0, 0, 0, 0)

    def step(index: int) -> Flops:
        if isinstance(shape, DecoderShape):
            return _decoder(shape, 1, cached + tokens + index, 1)
        return _later_decoder_token(shape, tokens + cached, 2 + index)

    # Each kind grows by the same amount from step to step, so the ends give the sum.
    ends = step(0) + step(steps - 1)
    return Flops(*(steps * part // 2 for part in (ends.mm, ends.bmm, ends.mul, ends.add)))


def score(shape: Shape, tokens: int, cached: int, targets: int) -> Flops:
    """Return the FLOPs of the loss of a target after a forward pass of `tokens` behind `cached` slots.

    It follows the same counting rules, but there is no released figure to compare it with.

    Args:
        shape: Shape of the model.
        tokens: Tokens of the forward pass.
        cached: Slots before them.
        targets: Target tokens that are read, in one pass. The last token of a target is predicted and
            never read.
    """
    if isinstance(shape, DecoderShape):
        return _decoder(shape, targets, cached + tokens, targets)
    token = _decoder_token(shape, tokens + cached, 1 + targets)  # masked products are computed all the same
    return Flops(*(targets * part for part in (token.mm, token.bmm, token.mul, token.add)))


def _decoder(s: DecoderShape, q: int, p: int, logits: int) -> Flops:
    """FLOPs of q tokens behind p slots; query width a and key-value width b (a = b = d for LLaMA)."""
    if q == 0:
        return Flops(0, 0, 0, 0)
    d, f, layers, a, b = s.hidden, s.intermediate, s.layers, s.query_width, s.kv_width
    kv = q + p
    norms = 2 * layers + 1
    return Flops(
        mm=2 * q * layers * (2 * d * (a + b) + 3 * d * f) + 2 * logits * d * s.vocabulary,
        bmm=4 * q * kv * a * layers,
        # Rotary angles on queries and keys, the gate; a norm's `weight * x` counts the weight only.
        mul=layers * (2 * q * (a + b) + q * f) + norms * (q * d + d),
        # Rotary sums, two residuals, the mask on the scores; the norms' epsilon; the mask itself.
        add=layers * (q * (a + b) + 2 * q * d + s.heads * q * kv) + norms * q + q + 2 * q * kv,
    )


def _encoder(s: EncoderDecoderShape, q: int, p: int) -> Flops:
    """FLOPs of the encoder. The sums for mask and position bias are those of the profiled version."""
    d, f, layers, a = s.hidden, s.intermediate, s.layers, s.inner
    kv = q + p
    products, sums = (5, 2) if s.gated else (0, 0)
    return Flops(
        mm=2 * layers * q * (4 * d * a + (3 if s.gated else 2) * d * f),
        bmm=4 * layers * a * q * kv,
        mul=layers * (2 * (q * d + d) + products * q * f) + (q * d + d),
        add=layers * (2 * q * d + sums * q * f + 2 * q)
        + q
        + s.heads * q * kv
        + 4 * kv**2
        + (kv if p else q**2),
    )


def _first_decoder_token(s: EncoderDecoderShape, kv: int) -> Flops:
    """FLOPs of one decoder token and of the cross-attention's keys and values of all kv encoder states."""
    keys_and_values = Flops(mm=4 * s.decoder_layers * kv * s.hidden * s.inner, bmm=0, mul=0, add=kv + 5)
    return _decoder_token(s, kv, 1) + keys_and_values


def _later_decoder_token(s: EncoderDecoderShape, kv: int, seen: int) -> Flops:
    """FLOPs of one more decoder token behind a cache. `seen` includes the token itself."""
    return _decoder_token(s, kv, seen)


def _decoder_token(s: EncoderDecoderShape, kv: int, seen: int) -> Flops:
    d, f, layers, a = s.hidden, s.intermediate, s.decoder_layers, s.inner
    products, sums = (5, 2) if s.gated else (0, 0)
    return Flops(
        mm=2 * (layers * (6 * d * a + (3 if s.gated else 2) * d * f) + d * s.vocabulary),
        bmm=4 * layers * a * (seen + kv),
        mul=layers * (6 * d + products * f) + 2 * d + (d if s.tied else 0),
        add=layers * (3 * d + sums * f + 3) + 1 + s.heads * (seen + kv),
    )
