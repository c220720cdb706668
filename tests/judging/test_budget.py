"""A limit of cost holds for any mix of concurrent requests."""

from __future__ import annotations

import asyncio
import random

import pytest

from gisteval.judging.budget import Budget


async def spend(budget: Budget, costs: list[tuple[float, float]], workers: int) -> int:
    """Ask for every cost, given as (most, real), with some workers; the number that were granted."""
    queue = iter(costs)
    granted = 0

    async def work() -> None:
        nonlocal granted
        for most, real in queue:
            if not await budget.reserve(most):
                return
            granted += 1
            await asyncio.sleep(0)
            budget.spent += real
            await budget.settle(most)

    await asyncio.gather(*(work() for _ in range(workers)))
    return granted


@pytest.mark.parametrize("workers", [1, 7])
@pytest.mark.parametrize("seed", range(5))
def test_the_limit_is_never_exceeded(workers: int, seed: int) -> None:
    generator = random.Random(seed)
    mosts = [generator.random() for _ in range(200)]
    costs = [(most, most * generator.random()) for most in mosts]
    budget = Budget(10.0)
    granted = asyncio.run(spend(budget, costs, workers))
    assert budget.is_exhausted and granted < 200
    assert 9.0 < budget.spent <= 10.0  # a request costs less than 1, so all that fits is spent


def test_unused_reservations_are_free_again() -> None:
    budget = Budget(1.0)
    assert asyncio.run(spend(budget, [(0.5, 0.01)] * 40, 4)) == 40
    assert budget.spent == pytest.approx(0.4) and not budget.is_exhausted


def test_without_a_limit_all_is_granted() -> None:
    assert asyncio.run(spend(Budget(None), [(1e9, 1e9)] * 5, 2)) == 5
