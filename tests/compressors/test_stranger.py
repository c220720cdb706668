"""A compressor of another package: the page's template, an entry point, and no file of ours touched."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compressors.md"
ENTRY_POINTS = "[gisteval.compressors]\nvnorm = somebodys_vnorm:ValueNorm\n"


@pytest.fixture
def template() -> str:
    """The code of the page's section "A new compressor"."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## A new compressor\n")[2]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def install(tmp_path, monkeypatch) -> Callable[[str], None]:
    """Puts a package with this code on sys.path, as pip leaves it: a module and its dist-info."""

    def installed(code: str) -> None:
        site, name = tmp_path / "site", "somebodys_vnorm"
        facts = site / f"{name}-1.0.dist-info"
        facts.mkdir(parents=True)
        (site / f"{name}.py").write_text(code)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(ENTRY_POINTS)
        monkeypatch.syspath_prepend(site)

    monkeypatch.delitem(sys.modules, "somebodys_vnorm", raising=False)
    yield installed
    sys.modules.pop("somebodys_vnorm", None)


@pytest.fixture
def run(gisteval, tiny_suite, tiny_task, tmp_path):
    """`gisteval run` with that compressor on eight examples of distinct instructions."""
    where = ("--model", tiny_suite / "pos_control", "--task", tiny_task, "--limit", 8, "--judge", "none")
    asked = ("--compressor", "vnorm:order=1", "--compressor", "keydiff", "--budget", "50%")
    return lambda: gisteval("run", *where, *asked, "--output", tmp_path / "run")


def test_the_template_is_installed_and_evaluated(
    template, install, run, gisteval, results, tmp_path
) -> None:
    assert len([line for line in template.splitlines() if line.strip()]) <= 30
    install(template)
    outcome = run()
    assert outcome.code == 0, outcome.err
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    name = "tiny-pos_control-1-vnorm:order=1.0-50%"
    check = manifest["self_check"][name]
    assert check["examples"] == 8 and check["loss_difference"] <= check["tolerance"]
    kept = {
        row["system"]: row["value"] for row in results(tmp_path / "run")["rows"] if row["metric"] == "kept"
    }
    assert kept[name] == kept["tiny-pos_control-1-keydiff-50%"] > 0, "as many slots as an evictor of ours"
    listed = json.loads(gisteval("ls", "compressors", "--json").out)
    assert "vnorm" in json.dumps(listed) and "arXiv 0000.00000" in json.dumps(listed)


def test_one_that_looks_at_other_prompts_does_not_pass_the_self_check(template, install, run) -> None:
    own = "return view.values.norm(p=self.order, dim=-1)"
    assert own in template
    install(template.replace(own, "return -view.values.flip(0).norm(p=self.order, dim=-1)"))
    outcome = run()
    assert outcome.code == 4, outcome.err
    assert "self-check failed for compressor vnorm" in outcome.err
    assert "results depend on the batch" in outcome.err
