"""FLOPs counted operator by operator, by fvcore's FlopCountAnalysis and torch's FlopCounterMode.

No weights are needed. Both tools count matrix products. fvcore counts LayerNorm as well, at 5 FLOPs a
number. It counts a product as multiply-accumulates, which are doubled here, while norms are not. fvcore
also names the operators that it has no rule for, and they are listed. In an eager pass they are elementwise
operators and reductions, about 0.02% of the FLOPs of the closed forms. Neither tool knows about causality:
masked products are computed, and so they are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedModel

from gisteval.errors import GistevalError, MissingExtra, one_line
from gisteval.profiling.meta import Pass, build_meta_model, wrap
from gisteval.profiling.shapes import parse_config

T = TypeVar("T")

DEPTH_FIELDS: Mapping[str, tuple[str, ...]] = {
    "llama": ("num_hidden_layers",),
    "mistral": ("num_hidden_layers",),
    "qwen2": ("num_hidden_layers",),
    "gpt2": ("n_layer",),
    "t5": ("num_layers", "num_decoder_layers"),
}
"""Configuration fields that hold the depth of architectures whose blocks are all alike."""


@dataclass(frozen=True)
class OperatorCounts:
    """FLOPs of a pass as each tool counts them.

    Attributes:
        fvcore: FLOPs by fvcore.
        torch: FLOPs by torch.
        unsupported: Calls of each operator that fvcore has no rule for.
        traced_layers: Which layers were traced. A stack of equal blocks is traced at depths 1 and 2, which
            give the FLOPs of every depth.
    """

    fvcore: int
    torch: int
    unsupported: Mapping[str, int]
    traced_layers: str

    @classmethod
    def total(cls, parts: Sequence[tuple[int, OperatorCounts]]) -> OperatorCounts:
        """Sum pairs of a factor and counts."""
        names = dict.fromkeys(name for _, counts in parts for name in counts.unsupported)
        return cls(
            sum(times * counts.fvcore for times, counts in parts),
            sum(times * counts.torch for times, counts in parts),
            {
                name: sum(times * counts.unsupported.get(name, 0) for times, counts in parts)
                for name in names
            },
            parts[0][1].traced_layers,
        )


class Uncountable(GistevalError):
    """The model can't run without weights."""


class OperatorCounter:
    """Counts the FLOPs of passes of one configuration, whose models are built once."""

    def __init__(self, config: Mapping[str, Any], whole: bool = False) -> None:
        """Prepare a counter.

        Args:
            config: A transformers configuration with its model_type.
            whole: Whether to trace every layer.

        Raises:
            GistevalError: transformers refuses the configuration.
        """
        self._config = dict(config)
        self._models: dict[tuple[int, ...], PreTrainedModel] = {}
        alike = not whole and "layer_types" not in config
        self._fields = DEPTH_FIELDS.get(str(config["model_type"]), ()) if alike else ()
        self._parts = self._depth_parts()

    def count(self, step: Pass) -> OperatorCounts:
        """Count the FLOPs of one pass with both tools.

        Raises:
            GistevalError: The model can't run on the meta device.
        """
        traced = "1 and 2 of each stack" if self._fields else "all"
        return OperatorCounts.total(
            [
                (times, self._run(depths, step, partial(_count, traced=traced)))
                for times, depths in self._parts
            ]
        )

    def matrix(self, step: Pass) -> int:
        """Count the FLOPs of a pass's matrix products with torch, which is fast and does not need fvcore.

        Raises:
            GistevalError: The model can't run on the meta device.
        """
        return sum(times * self._run(depths, step, _count_torch) for times, depths in self._parts)

    def count_decoding(self, tokens: int, cached: int, steps: int, encoder_decoder: bool) -> OperatorCounts:
        """Count the FLOPs of `steps` more tokens, one pass each, after a pass of `tokens` behind `cached`.

        Products with the cache grow linearly, so the first and the last pass give the sum of all.
        """
        first = self.count(_decoding_pass(tokens, cached, 0, encoder_decoder))
        last = self.count(_decoding_pass(tokens, cached, steps - 1, encoder_decoder))
        both = OperatorCounts.total([(1, first), (1, last)])
        return OperatorCounts(
            both.fvcore * steps // 2,
            both.torch * steps // 2,
            {name: calls * steps // 2 for name, calls in both.unsupported.items()},
            first.traced_layers,
        )

    def _depth_parts(self) -> list[tuple[int, tuple[int, ...]]]:
        """Depths to run and the factor of each: f(n) = f(1) + (n - 1) (f(2) - f(1)) for each stack."""
        if not self._fields:
            return [(1, ())]
        full = parse_config(self._config)
        more = [int(getattr(full, field)) - 1 for field in self._fields]
        ones = (1,) * len(more)
        deeper = [(times, (*ones[:n], 2, *ones[n + 1 :])) for n, times in enumerate(more) if times]
        return [(1 - sum(more), ones), *deeper]

    def _run(self, depths: tuple[int, ...], step: Pass, count: Callable[[PreTrainedModel, Pass], T]) -> T:
        if depths not in self._models:
            shallow = dict(zip(self._fields, depths, strict=True))
            self._models[depths] = build_meta_model({**self._config, **shallow})
        model = self._models[depths]
        try:
            return count(model, step)
        except GistevalError:
            raise
        except Exception as error:  # the modelling code is another project's: it may raise anything
            raise Uncountable(
                f"{model.config.model_type}: its FLOPs can't be counted, since a pass without weights "
                f"fails ({one_line(error)})"
            ) from error


def _decoding_pass(tokens: int, cached: int, index: int, encoder_decoder: bool) -> Pass:
    if encoder_decoder:
        return Pass(tokens, cached, generated=1 + index)
    return Pass(1, cached + tokens + index)


def _count_torch(model: PreTrainedModel, step: Pass) -> int:
    module, inputs = wrap(model, step)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops())


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
    return OperatorCounts(flops, _count_torch(model, step), dict(unsupported), traced)
