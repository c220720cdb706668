"""Made-up usage logs: prompts of uneven popularity whose requests come in sessions."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
"""When a made-up log begins, a Monday."""


def made_up_log(requests: int, prompts: int, seed: int, model: str) -> str:
    """JSON Lines of a log that nobody made, the same for the same arguments.

    A prompt's share of the requests falls with its rank as in Zipf's law. Its requests come in sessions: a
    gap is a minute on average within one, and hours between two. Prompts have 800 to 12,000 tokens.

    Args:
        requests: Rows of the log.
        prompts: Prompts that they share.
        seed: Of the draws.
        model: The model's name in every row.
    """
    draw = random.Random(seed)
    lengths = [round(800 * 15 ** draw.random()) for _ in range(prompts)]
    weights = [1 / rank for rank in range(1, prompts + 1)]
    chosen = draw.choices(range(prompts), weights, k=requests)
    rows = sorted(
        (moment, prompt) for prompt in range(prompts) for moment in _moments(draw, chosen.count(prompt))
    )
    lines = []
    for moment, prompt in rows:
        own = max(8, round(draw.lognormvariate(5, 0.8)))
        row = {
            "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "prompt": f"prompt-{prompt + 1:02}",
            "model": model,
            "shared_tokens": lengths[prompt],
            "input_tokens": lengths[prompt] + own,
            "output_tokens": max(1, round(draw.lognormvariate(4.5, 0.7))),
        }
        lines.append(json.dumps(row) + "\n")
    return "".join(lines)


def _moments(draw: random.Random, count: int) -> Iterator[datetime]:
    moment = START + timedelta(seconds=draw.uniform(0, 6 * 3600))
    for _ in range(count):
        yield moment
        within = draw.random() < 0.8
        moment += timedelta(seconds=round(draw.expovariate(1 / (60 if within else 2 * 3600))))
