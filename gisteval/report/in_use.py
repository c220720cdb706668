"""What a compressed prompt takes each time that it is used: memory, and tokens that run again."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from gisteval.records.manifest import SelfCheckFacts, System
from gisteval.records.run_folder import RunFolder
from gisteval.registry import compresses


@dataclass(frozen=True, slots=True)
class InUse:
    """What a prompt of one system takes while it is used, the mean over a split.

    Attributes:
        resident: Bytes of its states in memory: of all slots, unpacked, with what stays empty in buffers.
        recomputed: FLOPs of running its tokens again at each use, 0 where states are kept. None if unknown.
    """

    resident: float
    recomputed: float | None


def in_use(folder: RunFolder) -> dict[tuple[str, str], InUse]:
    """What each compressed system of a run takes on each split, where its self-check measured a slot.

    Empty for a run of a single compressor, which has nothing to compare.
    """
    manifest = folder.manifest()
    systems = [system for system in manifest.systems if compresses(system.compressor)]
    if len({system.compressor.partition(":")[0] for system in systems}) < 2:
        return {}
    found = {}
    for system in systems:
        check = manifest.self_check.get(system.name)
        for split in manifest.splits if check is not None and check.slot_bytes else ():
            kept = [g.kept for g in folder.read_generations(system.name, split) if g.kept is not None]
            if kept and check is not None:
                found[system.name, split] = _mean(system, check, kept)
    return found


def _mean(system: System, check: SelfCheckFacts, kept: list[int]) -> InUse:
    """The mean over prompts that keep so many slots or tokens."""
    slot = (check.slot_bytes or 0) * (check.buffer_ratio or 1.0)
    flops = system.rerun_flops
    again = None
    if flops is not None:
        again = fmean(sum(part * count**power for power, part in enumerate(flops)) for count in kept)
    return InUse(slot * fmean(kept), again)
