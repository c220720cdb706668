"""What a machine can do at best: typed values of profile.json."""

from __future__ import annotations

from dataclasses import dataclass

from gisteval.records.json_object import Count, JsonObject


@dataclass(frozen=True)
class PublishedMachine(JsonObject):
    """What a machine can do at best, as its maker says."""

    name: str
    flops_per_second: float
    bytes_per_second: float


@dataclass(frozen=True, kw_only=True)
class MachineFacts(JsonObject):
    """What a machine can do at best, as measured with products of matrices and copies of memory."""

    device: str
    dtype: str
    threads: Count
    flops_per_second: float
    matrix_size: Count
    bytes_per_second: float
    copy_bytes: Count
