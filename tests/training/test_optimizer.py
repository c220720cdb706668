"""Muon beside AdamW: who trains what, and that both follow one schedule."""

from __future__ import annotations

import pytest
import torch

from gisteval.training.optimizer import Muon, MuonWithAdamW, orthogonalised


def optimizer(model) -> MuonWithAdamW:
    return MuonWithAdamW(model, rate=0.01, matrix_rate=0.03, betas=(0.9, 0.98), weight_decay=0.1)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_matrices_of_the_layers_go_to_muon_and_the_rest_to_adamw(tiny_network, name):
    model = tiny_network(name)
    muon, adamw = optimizer(model).param_groups
    names = {id(weight): name for name, weight in model.named_parameters()}
    layers, rest = ([names[id(weight)] for weight in group["params"]] for group in (muon, adamw))
    assert sorted(layers + rest) == sorted(names.values())
    assert all(".layers." in name or ".h." in name for name in layers)
    assert any("lm_head" in name or "wte" in name for name in rest)
    assert (muon["lr"], adamw["lr"]) == (0.03, 0.01)


def test_a_step_is_the_step_of_both_under_one_schedule(tiny_network):
    ours, theirs = tiny_network("llama"), tiny_network("llama")
    combined = optimizer(ours)
    schedule = torch.optim.lr_scheduler.LambdaLR(combined, lambda step: 0.5**step)
    twin = dict(zip(map(id, ours.parameters()), theirs.parameters(), strict=True))
    muon, adamw = ([twin[id(weight)] for weight in group["params"]] for group in combined.param_groups)
    parts = (
        Muon(muon, lr=0.03, weight_decay=0.1),
        torch.optim.AdamW(adamw, lr=0.01, betas=(0.9, 0.98), weight_decay=0.1),
    )
    for step in range(3):
        for model in (ours, theirs):
            torch.manual_seed(step)
            for weight in model.parameters():
                weight.grad = torch.randn_like(weight)
        combined.step()
        schedule.step()
        for part in parts:
            part.step()
            part.param_groups[0]["lr"] *= 0.5
        pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("shape", [(24, 24), (16, 40), (40, 16)])
def test_a_step_is_the_one_of_torch_s_own_muon(shape):
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.ones(shape)) for _ in range(2))
    mine = Muon([ours], lr=0.1, weight_decay=0.3)
    stock = torch.optim.Muon([theirs], lr=0.1, weight_decay=0.3)
    for _ in range(4):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        mine.step()
        stock.step()
    moved = (theirs - 1).abs().mean()
    assert (ours - theirs).abs().mean() < 0.02 * moved  # theirs works in bfloat16


@pytest.mark.parametrize("shape", [(24, 24), (16, 40), (40, 16)])
def test_orthogonalised_keeps_the_singular_vectors_and_levels_the_values(shape):
    torch.manual_seed(1)
    matrix = torch.randn(shape)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    core = left.T @ orthogonalised(matrix) @ right.T
    assert torch.allclose(core, torch.diag(core.diagonal()), atol=1e-4)
    large = values > 0.05 * values[0]
    assert ((core.diagonal()[large] > 0.5) & (core.diagonal()[large] < 1.5)).all()
