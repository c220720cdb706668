"""What the parts of cuda.py share: their setting, and the JSON lines that they write as they go."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
Line = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """Where and how large the parts are run.

    Attributes:
        device: A name such as cuda or cpu.
        tiny: Sizes of a test; the figures mean nothing.
        output: The file of JSON lines.
        seconds: Time of the part that is run.
        smollm2: Weights to train, or None.
        p3: Folder of P3's files, or None.
    """

    device: str
    tiny: bool
    output: Path
    seconds: float
    smollm2: Path | None = None
    p3: Path | None = None

    @property
    def place(self) -> torch.device:
        return torch.device(self.device)

    @property
    def on_gpu(self) -> bool:
        return self.place.type == "cuda"

    def device_name(self) -> str:
        """The card's name, or "cpu"."""
        return torch.cuda.get_device_name(self.place) if self.on_gpu else self.place.type


def append(setting: Setting, part: str, line: Mapping[str, Any]) -> None:
    """Write a line in one piece: a part that is killed leaves whole lines behind, or a torn last one."""
    named = {"part": part, "device": setting.device_name(), "cuda": setting.on_gpu, "tiny": setting.tiny}
    append_line(setting.output, {**named, **line})


def append_line(file: Path, line: Mapping[str, Any]) -> None:
    data = (json.dumps(line) + "\n").encode()
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


def read(file: Path) -> list[Line]:
    """All whole lines. One that a killed part left unfinished is dropped."""
    return list(_whole(file.read_text(encoding="utf-8")))


def _whole(text: str) -> Iterator[Line]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def machine(setting: Setting) -> Line:
    """What the figures were measured with."""
    import transformers

    return {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "cuda_version": torch.version.cuda,
        "memory_bytes": torch.cuda.get_device_properties(setting.place).total_memory
        if setting.on_gpu
        else None,
        "threads": torch.get_num_threads(),
    }


def synchronize(setting: Setting) -> None:
    if setting.on_gpu:
        torch.cuda.synchronize(setting.place)


def release(setting: Setting) -> None:
    """Give the memory of what was dropped back to the card."""
    import gc

    gc.collect()
    if setting.on_gpu:
        torch.cuda.empty_cache()
