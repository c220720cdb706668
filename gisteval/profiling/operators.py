"""FLOPs counted operator by operator: fvcore's FlopCountAnalysis and torch's FlopCounterMode, no weights.

Both count matrix products; fvcore counts LayerNorm as well, at 5 FLOPs a number. Its products are
multiply-accumulates, which are doubled here (the norms are not). It names the operators it has no rule for:
elementwise ones and reductions in an eager pass, about 0.02% of the FLOPs of the closed forms; they are
listed. Neither knows about causality: a masked product is still computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedModel

from gisteval.errors import GistevalError, MissingExtra, one_line
from gisteval.profiling.meta import Pass, build_meta_model, wrap
from gisteval.profiling.shapes import parse_config

DEPTH_FIELDS: Mapping[str, tuple[str, ...]] = {
    "llama": ("num_hidden_layers",),
    "mistral": ("num_hidden_layers",),
    "qwen2": ("num_hidden_layers",),
    "gpt2": ("n_layer",),
    "t5": ("num_layers", "num_decoder_layers"),
}
"""Fields that hold the depth of architectures whose blocks are all alike."""


@dataclass(frozen=True)
class OperatorCounts:
    """FLOPs of a pass as each tool counts them.

    unsupported: operators without a rule of fvcore, with how often each is called.
    traced_layers: how much was traced: a stack of equal blocks at depths 1 and 2 gives every depth.
    """

    fvcore: int
    torch: int
    unsupported: Mapping[str, int]
    traced_layers: str

    def scaled(self, first: int, other: OperatorCounts, second: int) -> OperatorCounts:
        """first * self + second * other; the operators of both."""
        names = [*self.unsupported, *(name for name in other.unsupported if name not in self.unsupported)]
        return OperatorCounts(
            first * self.fvcore + second * other.fvcore,
            first * self.torch + second * other.torch,
            {
                name: first * self.unsupported.get(name, 0) + second * other.unsupported.get(name, 0)
                for name in names
            },
            self.traced_layers,
        )


class OperatorCounter:
    """Counts passes of one configuration; its models are built once."""

    def __init__(self, config: Mapping[str, Any], whole: bool = False) -> None:
        """config: a transformers configuration with its model_type. whole: trace every layer.

        Raises MissingExtra without fvcore, GistevalError if no language model can be built.
        """
        self._config = dict(config)
        self._models: dict[tuple[int, ...], PreTrainedModel] = {}
        alike = not whole and "layer_types" not in config
        self._fields = DEPTH_FIELDS.get(str(config["model_type"]), ()) if alike else ()
        self._depths = self._own_depths() if self._fields else ()

    def count(self, step: Pass) -> OperatorCounts:
        """FLOPs of one pass. Raises GistevalError if the model can't run on the meta device."""
        if not self._fields:
            return self._trace((), step)
        ones = (1,) * len(self._fields)
        base = self._trace(ones, step)
        total = base
        for index, depth in enumerate(self._depths):
            deeper = self._trace((*ones[:index], 2, *ones[index + 1 :]), step)
            # f(depth) = f(1) + (depth - 1) * (f(2) - f(1)), for each stack apart.
            total = total.scaled(1, deeper.scaled(1, base, -1), depth - 1)
        return total

    def count_decoding(self, tokens: int, cached: int, steps: int, encoder_decoder: bool) -> OperatorCounts:
        """`steps` more tokens after a pass of `tokens` behind `cached` slots, one pass each.

        Products with the cache grow linearly, so the first and the last pass give the sum of all.
        """
        first = self.count(_decoding_pass(tokens, cached, 0, encoder_decoder))
        last = self.count(_decoding_pass(tokens, cached, steps - 1, encoder_decoder))
        both = first.scaled(1, last, 1)
        return OperatorCounts(
            both.fvcore * steps // 2,
            both.torch * steps // 2,
            {name: calls * steps // 2 for name, calls in both.unsupported.items()},
            first.traced_layers,
        )

    def _own_depths(self) -> tuple[int, ...]:
        full = parse_config(self._config)
        return tuple(int(getattr(full, field)) for field in self._fields)

    def _trace(self, depths: tuple[int, ...], step: Pass) -> OperatorCounts:
        if depths not in self._models:
            shallow = dict(zip(self._fields, depths, strict=True))
            self._models[depths] = build_meta_model({**self._config, **shallow})
        model = self._models[depths]
        try:
            return _count(model, step, "1 and 2 of each stack" if depths else "all")
        except (RuntimeError, NotImplementedError, TypeError, AttributeError) as error:
            raise GistevalError(
                f"{model.config.model_type}: a pass without weights fails ({one_line(error)}): "
                "profile a checkpoint with --model"
            ) from error


def _decoding_pass(tokens: int, cached: int, index: int, encoder_decoder: bool) -> Pass:
    if encoder_decoder:
        return Pass(tokens, cached, generated=1 + index)
    return Pass(1, cached + tokens + index)


def _count(model: PreTrainedModel, step: Pass, traced: str) -> OperatorCounts:
    try:
        from fvcore.nn import FlopCountAnalysis
    except ImportError as error:
        raise MissingExtra("fvcore", "profile") from error
    module, inputs = wrap(model, step)
    with torch.no_grad():
        analysis = FlopCountAnalysis(module, inputs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        analysis.tracer_warnings("none")
        flops = sum(
            int(count) * (1 if "norm" in name else 2) for name, count in analysis.by_operator().items()
        )
        unsupported: Counter[str] = analysis.unsupported_ops()
        with FlopCounterMode(display=False) as counter:
            module(*inputs)
    return OperatorCounts(flops, counter.get_total_flops(), dict(unsupported), traced)
