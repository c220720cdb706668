"""`gisteval new`: what a stranger gets passes its own tests, and is found once it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gisteval.compressors.spec import CompressorSpec
from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.pipeline.plugin import KINDS, new_plugin

ROOT = Path(__file__).resolve().parents[2]


def installed(package: Path, site: Path) -> None:
    """Lie there as an installed package does: its module, and a dist-info folder with its entry points."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    ((group, entries),) = project["entry-points"].items()
    lines = [f"{name} = {reference}" for name, reference in entries.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
    for module in (package / "src").iterdir():
        (site / module.name).write_text(module.read_text())


def test_every_plugin_passes_its_own_tests(tmp_path, monkeypatch, gisteval) -> None:
    for kind in KINDS:
        outcome = gisteval("new", kind, f"my_{kind}", "--output", tmp_path)
        assert outcome.out.splitlines()[-1] == f"next: pytest {tmp_path / f'my_{kind}'}"
        assert (tmp_path / f"my_{kind}" / "README.md").is_file()
    installed(tmp_path / "my_compressor", tmp_path / "site")
    path = os.pathsep.join([str(tmp_path / "site"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"my_{kind}" for kind in KINDS)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "12 passed" in done.stdout
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    method = CompressorSpec.parse("my_compressor:sharpness=3").build()
    assert (type(method).__name__, method.sharpness) == ("MyCompressor", 3.0)
    assert "my_compressor" in gisteval("ls", "compressors").out
    for kind in ("task", "judge"):
        assert gisteval("validate", tmp_path / f"my_{kind}").out.startswith(f"ok  {kind} my_{kind}")


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("metric", "mine", "no template of a 'metric': choose compressor, task, judge"),
        ("compressor", "Mine", "'Mine' can't be the name of a compressor"),
        ("compressor", "../x", "can't be the name"),
        ("compressor", "knorm", "a compressor 'knorm' is there already"),
        ("task", "wordplay", "a task 'wordplay' is there already"),
        ("judge", "there", "there is there already"),
    ],
)
def test_what_can_not_be_made_is_one_line(kind, name, said, tmp_path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(GistevalError) as error:
        new_plugin(kind, name, tmp_path)
    assert said in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_the_wheel_carries_the_templates() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    for kind in ("plugins", "prices"):
        assert find_content(kind) == ROOT / kind
        assert build["wheel"]["force-include"][kind] == f"gisteval/_content/{kind}"
        assert kind in build["sdist"]["include"]
