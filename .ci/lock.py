"""Write the hash-pinned locks of this Python and platform: `make locked`, after a change of dependencies.

A lock holds every distribution that the development environment needs, in the versions of constraints.txt
where that names them, with the SHA-256 of the one file that pip chooses here. locks/build.txt holds what
builds those that come as source. Run by the Python of an environment without this package.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TAG = f"cp{sys.version_info.major}{sys.version_info.minor}-{sysconfig.get_platform()}"
WANTED = [".[dev]", "hatchling", "editables", "setuptools", "wheel"]
BUILD = ("packaging", "setuptools", "wheel")
"""What must be there before a distribution is built; hatchling builds only this package, last of all."""

NOTE = "# Made by `make locked` from pyproject.toml and constraints.txt: change those.\n"


def chosen() -> dict[str, str]:
    """By name, the line of each distribution that pip would install."""
    options = ["--dry-run", "--ignore-installed", "--quiet", "--report", "-", "-c", "constraints.txt"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, *WANTED],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
    )
    lines = {}
    for part in json.loads(done.stdout)["install"]:
        about, file = part["metadata"], part["download_info"]
        if "archive_info" in file:  # this package is a folder
            name = re.sub(r"[-_.]+", "-", about["name"]).lower()
            value = file["archive_info"]["hashes"]["sha256"]
            lines[name] = f"{name}=={about['version']} --hash=sha256:{value}"
    return dict(sorted(lines.items()))


def main() -> None:
    """Write the lock of this platform, and that of the build tools."""
    lines = chosen()
    build = [lines.pop(name) for name in BUILD]
    for name, kept in (("build", build), (TAG, list(lines.values()))):
        (ROOT / "locks" / f"{name}.txt").write_text(NOTE + "\n".join(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
