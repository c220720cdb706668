"""Where this machine keeps what any run may need again: downloads, checkpoints, replies and mirrors."""

from __future__ import annotations

from pathlib import Path


def cache_folder(part: str = "") -> Path:
    """The cache folder, or a part of it. It need not exist.

    Args:
        part: The name of a file or a folder inside.
    """
    import pooch  # imports requests, which takes a tenth of a second

    return Path(pooch.os_cache("gisteval")) / part
