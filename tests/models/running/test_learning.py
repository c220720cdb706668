"""A prefix that is learnt: the divergence that it says it has, and weights that stay."""

from __future__ import annotations

import pytest
import torch
from random_models import random_examples, random_model
from torch.nn.functional import kl_div

from gisteval.compressors.eviction.keydiff import KeyDiff
from gisteval.models.running.learning import learn, make_lesson
from gisteval.records.budget import Budget

TEXT = random_examples(count=3)[2].instruction
TWO = Budget(slots=2)


@pytest.fixture(scope="module")
def model():
    return random_model("llama", gain=3.0, k=0)


def test_the_slots_learn_to_answer_as_the_whole_prompt_does(model) -> None:
    (prompt,) = model.tokens.prompts([TEXT])
    lesson = make_lesson(model, prompt, [[]] * 2, 6, torch.Generator().manual_seed(0))
    (start,) = KeyDiff().compress(model, [TEXT], TWO)
    learnt, found = learn(model, start, lesson, "states", 20, 0.05)
    assert min(found) < 0.6 * found[0]
    # A second path: the losses' own logits behind both prefixes, by the continuation that a run uses.
    (whole,) = model.encode([prompt])
    divergences = []
    for prefix in (start, learnt):
        rows = []
        for ids, counts in zip(lesson.ids.tolist(), lesson.counts, strict=True):
            logs = [
                torch.stack(
                    [model.run([p], [ids[:end]]).last_logits[0].log_softmax(-1) for end in range(1, 7)]
                )
                for p in (prefix, whole)
            ]
            rows.append(kl_div(*logs, reduction="none", log_target=True).sum(-1)[counts.cpu()])
        divergences.append(float(torch.cat(rows).mean()))
    assert divergences[0] == pytest.approx(found[0], rel=1e-3)
    assert divergences[1] == pytest.approx(min(found), rel=1e-3)
