"""States of layers: recorded by hooks that go away, and compared a layer at a time."""

from __future__ import annotations

import torch

from gisteval.generation.selfcheck.states import recorded, state_differences


def test_each_layer_is_recorded_and_hooks_are_gone(tiny_model) -> None:
    model = tiny_model("llama", 1)
    ids = torch.tensor([[3, 4, 5, 6]])
    with torch.inference_mode():
        with recorded(model) as states:
            hidden = model.model(ids, output_hidden_states=True).hidden_states
        assert len(states) == len(hidden) - 1
        for state, stock in zip(states[:-1], hidden[1:-1], strict=True):  # the last one is normed
            assert torch.equal(state, stock)
        before = [state.clone() for state in states]
        model.model(ids + 1)
    assert all(map(torch.equal, states, before))


def test_only_the_layer_that_differs_is_seen() -> None:
    first = [[torch.ones(4, 3), torch.ones(4, 3)], [torch.ones(2, 3), torch.ones(2, 3)]]
    second = [[layer.clone() for layer in row] for row in first]
    second[1][0] += 0.5
    found = state_differences(first, second)
    assert found.shape == (2, 2) and bool(found[1, 0] > 0)
    assert found.flatten().tolist().count(0.0) == 3
