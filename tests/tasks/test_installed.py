"""A task file runs no function but installed generators."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.registry import GENERATORS
from gisteval.tasks import load_task
from gisteval.tasks.installed import generated

HEAD = "name: small\nversion: 1\ndescription: d\nlicense: Apache-2.0\n"


@pytest.mark.parametrize(
    "split",
    [
        "{generator: 'os:system', options: {command: 'touch pwned'}}",
        "{generator: 'gisteval.tasks.generators.bbh:questions', files: {examples: {file: absent, sha256: "
        f"\"{'a' * 64}\"}}}}, release: {{url: 'touch pwned', maker: 'os:system'}}}}",
    ],
)
def test_only_installed_generators_are_run(tmp_path: Path, monkeypatch, split: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GISTEVAL_DATA_DIR", raising=False)
    (tmp_path / "task.yaml").write_text(HEAD + f"splits: {{test: {split}}}\n")
    with pytest.raises(GistevalError, match="'os:system' is not installed as one: choose from gisteval"):
        next(load_task(str(tmp_path)).examples("test"))
    assert not (tmp_path / "pwned").exists()


def test_options_that_do_not_fit_are_named() -> None:
    reference = GENERATORS.references()["wordplay-train"]
    with pytest.raises(GistevalError, match=r"options don't fit: .*'colour'"):
        generated(reference, {"colour": "red"})
    assert next(generated(reference, {"seed": 0, "instructions": 1, "inputs_per_instruction": 1}))
