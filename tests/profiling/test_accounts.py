"""Mean FLOPs of a serving mode against a form that counts by hand."""

from __future__ import annotations

from gisteval.profiling.accounts import mean_flops
from gisteval.profiling.passes import PassLengths


class Linear:
    """A token costs 10, a cached slot 1 for each token, an output position 1000."""

    def forward(self, tokens: int, cached: int, logits: int) -> int:
        return 10 * tokens + tokens * cached + 1000 * logits

    def decode(self, tokens: int, cached: int, steps: int) -> int:
        return sum(self.forward(1, tokens + cached + step, 1) for step in range(steps))


def test_each_part_is_the_mean_over_examples() -> None:
    lengths = [PassLengths(8, 2, 4, 0), PassLengths(6, 1, 2, 0)]
    found = mean_flops(Linear(), lengths, steps=2)
    assert found.compress == (80 + 60) / 2
    assert found.prefill == ((40 + 8 + 1000) + (20 + 2 + 1000)) / 2
    assert found.decode == ((1016 + 1017) + (1013 + 1014)) / 2
    assert found.each == found.prefill + found.decode
