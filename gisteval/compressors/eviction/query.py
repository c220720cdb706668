"""Evictors that see the input, beside the ones of the same names that don't."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import avg_pool1d

from gisteval.compressors.eviction.asked import QueryAware
from gisteval.compressors.eviction.attention import attention
from gisteval.compressors.eviction.base import setting_at_least
from gisteval.errors import GistevalError
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class SnapKVQuery(QueryAware):
    """An oracle: keeps the slots that the input attends to, smoothed over neighbours.

    With kernel=1 it is observed attention, as the input pays it.

    Attributes:
        kernel: width of the smoothing, an odd number of slots.
    """

    name = "snapkv@query"
    source = "Li et al. 2024, arXiv 2404.14469, with the input as its window"
    kernel: int = 5

    def __post_init__(self) -> None:
        """Check the setting."""
        setting_at_least(self, "kernel", 1)
        if self.kernel % 2 == 0:
            raise GistevalError(f"compressor {self.name}: kernel must be odd, not {self.kernel}")

    def score_for(self, view: LayerView, own: int) -> Tensor:
        """The mean attention of the input's tokens to each slot of the prompt."""
        weights = attention(view, *_input(view, own))[0, ..., :own].mean(2)
        return avg_pool1d(weights, self.kernel, stride=1, padding=self.kernel // 2).mean(1)


@dataclass(frozen=True)
class TovaQuery(QueryAware):
    """An oracle: keeps the slots that the input's last token attends to, the same in all heads."""

    name = "tova@query"
    source = "Oren et al. 2024, arXiv 2401.06104, behind the input"

    def score_for(self, view: LayerView, own: int) -> Tensor:
        """The last token's attention, averaged over all heads."""
        tokens = view.keys.shape[2]
        weights = attention(view, tokens - 1, tokens)[0, :, :, 0, :own].mean((0, 1))
        return weights.expand(view.keys.shape[1], own)


@dataclass(frozen=True)
class ExpectedQuery(QueryAware):
    """An oracle: expected attention whose future queries are the input's own, as they were rotated.

    Attributes:
        covariance: False leaves the covariance out.
        vnorm: False leaves the norms of the values out.
    """

    name = "expected@query"
    source = "Devoto et al. 2025, arXiv 2510.00636, with the input's queries"
    covariance: bool = True
    vnorm: bool = True

    def score_for(self, view: LayerView, own: int) -> Tensor:
        """Equation 10 with the mean and the covariance of the input's queries."""
        start, end = _input(view, own)
        queries = view.queries[0, :, start:end].float()
        mean = queries.mean(1, keepdim=True)
        keys = view.keys[0, :, :own].float().repeat_interleave(view.groups, 0)
        logits = (mean @ keys.transpose(1, 2))[:, 0] * view.scaling
        if self.covariance:
            apart = keys @ (queries - mean).transpose(1, 2)
            logits = logits + apart.square().mean(-1) * view.scaling**2 / 2
        expected = logits.softmax(-1).reshape(view.keys.shape[1], view.groups, own).mean(1)
        return expected * view.values[0, :, :own].float().norm(dim=-1) if self.vnorm else expected


def _input(view: LayerView, own: int) -> tuple[int, int]:
    """The columns of the input; of an empty one, that of the prompt's last token."""
    tokens = view.keys.shape[2]
    return min(own, tokens - 1), tokens
