"""Closed forms of the FLOPs of a forward pass, as the PyTorch profiler counts them.

2 a multiply-accumulate of a matrix product, 1 an element of the first operand of `mul` and `add`;
nothing for the rest (softmax, activations, square roots). For the two models of "Learning to Compress
Prompts with Gist Tokens" (arXiv 2304.08467) they equal the `flops` of the released benchmark files to the
integer, which pins down even the sums that build the masks; those depend on the version of transformers
that was measured (4.28) and are below a millionth of the total.
"""

from __future__ import annotations

from dataclasses import dataclass

from gisteval.profiling.shapes import DecoderShape, EncoderDecoderShape, Shape


@dataclass(frozen=True, slots=True)
class Flops:
    """FLOPs by kind: projections (mm), attention products (bmm), elementwise products and sums."""

    mm: int
    bmm: int
    mul: int
    add: int

    @property
    def matrix(self) -> int:
        """Matrix products only: what fvcore and torch count."""
        return self.mm + self.bmm

    @property
    def total(self) -> int:
        """All four."""
        return self.matrix + self.mul + self.add

    def __add__(self, other: Flops) -> Flops:
        return Flops(self.mm + other.mm, self.bmm + other.bmm, self.mul + other.mul, self.add + other.add)


def forward(shape: Shape, tokens: int, cached: int, logits: int | None = None) -> Flops:
    """One forward pass of one row: `tokens` run behind `cached` slots.

    Decoder-only: logits is the number of positions that go through the output matrix, all by default (as
    the paper measures); 1 is what decoding needs, 0 filling a cache. Encoder-decoder: `tokens` go
    through the encoder behind `cached` slots, then one decoder token sees all of them; logits = 0 leaves
    out the decoder, which is what compression costs.
    """
    if isinstance(shape, DecoderShape):
        return _decoder(shape, tokens, cached, tokens if logits is None else logits)
    encoder = _encoder(shape, tokens, cached)
    if logits == 0:
        return encoder
    return encoder + _first_decoder_token(shape, tokens + cached)


def decode(shape: Shape, tokens: int, cached: int, steps: int) -> Flops:
    """`steps` more tokens, one pass each, after a forward pass of `tokens` behind `cached` slots."""
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
    """The loss of a target whose first `targets` tokens are read in one pass, after such a forward pass.

    The last token of a target is predicted and never read. By the same rules, not released.
    """
    if isinstance(shape, DecoderShape):
        return _decoder(shape, targets, cached + tokens, targets)
    one = _decoder_token(shape, tokens + cached, 1 + targets)  # masked products are computed all the same
    return Flops(*(targets * part for part in (one.mm, one.bmm, one.mul, one.add)))


def _decoder(s: DecoderShape, q: int, p: int, logits: int) -> Flops:
    """PAPER form with d^2 split into query width a and key-value width b (a = b = d for LLaMA)."""
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
    """The encoder's share; the sums that build mask and position bias are the profiled version's own."""
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
    """One decoder token, with the cross-attention's keys and values of all kv encoder states."""
    one = _decoder_token(s, kv, 1)
    keys_and_values = Flops(mm=4 * s.decoder_layers * kv * s.hidden * s.inner, bmm=0, mul=0, add=kv + 5)
    return one + keys_and_values


def _later_decoder_token(s: EncoderDecoderShape, kv: int, seen: int) -> Flops:
    """One more decoder token behind a cache; `seen` counts itself. By the same rules, not released."""
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
