"""Where content lives: tasks/, judges/, reports/ and checkpoints/ of a checkout or of the wheel."""

from __future__ import annotations

from pathlib import Path

from gisteval.errors import GistevalError

PACKAGE = Path(__file__).resolve().parent


def find_content(kind: str, explicit: Path | None = None) -> Path:
    """Folder of one kind of content: the explicit one, else the checkout's, else the bundled copy."""
    if explicit is not None:
        if not explicit.is_dir():
            raise GistevalError(f"folder {explicit} does not exist (it should hold {kind})")
        return explicit
    checkout = PACKAGE.parent / kind
    if (PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    bundled = PACKAGE / "_content" / kind
    if bundled.is_dir():
        return bundled
    raise GistevalError(f"this installation has no {kind}/: install gisteval again, or use a checkout")
