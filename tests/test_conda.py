"""The conda recipe asks for what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import jinja2
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
NAMES = {"torch": "pytorch", "huggingface-hub": "huggingface_hub"}
"""Packages that conda-forge calls otherwise."""


def test_version_dependencies_and_command_are_the_packages_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    template = jinja2.Template((ROOT / "conda" / "meta.yaml").read_text())
    recipe = yaml.safe_load(template.render(environ={}, PYTHON="python"))
    assert str(recipe["package"]["version"]) == project["version"]
    wanted = {}
    for requirement in map(Requirement, project["dependencies"]):
        wanted[NAMES.get(requirement.name, requirement.name)] = str(requirement.specifier)
    python, *asked = recipe["requirements"]["run"]
    assert python == f"python {project['requires-python']}"
    found = {name: limits for name, _, limits in (line.partition(" ") for line in asked)}
    assert found == wanted
    (command,) = recipe["build"]["entry_points"]
    assert re.split(" = ", command) == [*project["scripts"].popitem()]
