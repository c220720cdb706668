"""Which works share a pass over their prompts, and which weights are loaded how often."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import torch

from gisteval.compressors.eviction.together import pass_kind
from gisteval.executors import local
from gisteval.executors.local import LocalExecutor, in_passes
from gisteval.executors.work import Checked, Job, Portion, Settings, SystemWork
from gisteval.generation.answering import Decoding
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.placement import Placement
from gisteval.records.budget import Budget
from gisteval.records.schema import Example
from gisteval.suite import System

EXAMPLES = [Example(f"e{n}", "t", "s", f"say {n}", "cats", "yes") for n in range(3)]
SPECS = ("knorm", "keydiff", "full", "full", "tova", "snapkv@query", "knorm", "knorm")


def works_of(*folders: Path, specs: tuple[str, ...] = SPECS) -> list[SystemWork]:
    systems = [
        System(
            f"{folder.name}-{n}", inspect_checkpoint(folder), "candidate", None, None, spec, Budget(slots=2)
        )
        for folder in folders
        for n, spec in enumerate(specs)
    ]
    return [SystemWork(Job(one, one.name), {"s": EXAMPLES}, {"s": set()}) for one in systems]


def test_neighbours_that_can_share_a_pass_are_together_in_their_order(tiny_suite: Path) -> None:
    works = works_of(tiny_suite / "gist-1", tiny_suite / "gist-3")
    passes = list(in_passes(works))
    assert list(chain.from_iterable(passes)) == works
    assert [len(one) for one in passes] == [2, 1, 1, 1, 1, 2] * 2
    for one in passes:
        kinds = {pass_kind(work.job.compressor()) for work in one}
        assert len(kinds) == 1 and (kinds != {None} or len(one) == 1)
        assert len({work.job.system.checkpoint.path for work in one}) == 1


def test_weights_are_loaded_once_for_systems_in_a_row(tiny_suite: Path, monkeypatch) -> None:
    loaded: list[str] = []
    right = local.load_placed

    def counted(checkpoint, placement):
        loaded.append(checkpoint.path.name)
        return right(checkpoint, placement)

    monkeypatch.setattr(local, "load_placed", counted)
    works = works_of(tiny_suite / "gist-1", tiny_suite / "gist-3", specs=("knorm", "keydiff"))
    settings = Settings(Placement(torch.device("cpu"), torch.float32), Decoding(2))
    events = list(LocalExecutor().run(works, settings))
    assert loaded == ["gist-1", "gist-3"]
    names = [work.job.system.name for work in works]
    assert [event.system for event in events if isinstance(event, Checked)] == names
    keys = [record["key"] for event in events if isinstance(event, Portion) for record in event.records]
    assert sorted(keys) == sorted(work.job.key(example) for work in works for example in EXAMPLES)
