"""The hash-pinned locks are those of pyproject.toml and constraints.txt."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "locks").glob("cp*.txt"))
LINE = re.compile(r"(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}")


def locked(file: Path) -> dict[str, str]:
    """Versions by name of all lines of a lock and of the build tools' one, each of which has a hash."""
    found = {}
    for part in (file, ROOT / "locks" / "build.txt"):
        for line in part.read_text().splitlines()[1:]:
            matched = LINE.fullmatch(line)
            assert matched and matched[1] not in found, line
            found[matched[1]] = matched[2].partition("+")[0]
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_holds_the_pins_and_all_that_is_wanted(lock: Path) -> None:
    found = locked(lock)
    pins = [
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    ]
    differ = {name for name, version in pins if found.get(canonicalize_name(name), version) != version}
    assert not differ, f"run make locked: {differ}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = map(Requirement, project["dependencies"] + project["optional-dependencies"]["dev"])
    for requirement in wanted:
        version = found.get(canonicalize_name(requirement.name), "none")
        assert requirement.specifier.contains(version, prereleases=True), f"run make locked: {requirement}"
    assert found["torch"] and len(found) > 150
