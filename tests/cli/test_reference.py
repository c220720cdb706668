"""docs/configuration.md says what the program says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from gisteval.cli.app import app
from gisteval.cli.reference import EXAMPLE, page
from gisteval.config import RunConfig
from gisteval.config_file import read_config

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "docs/configuration.md is old: run make docs"


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(EXAMPLE, encoding="utf-8")
    assert read_config(file, {}) == RunConfig(
        models=("checkpoints/wordplay-llama/pos_control",),
        splits=("unseen", "human"),
        compressors=("truncate",),
        budgets=("5", "25%"),
        max_new_tokens=32,
        output="runs/configured",
    )


@pytest.mark.parametrize(
    ("command", "elsewhere"),
    [
        (
            "run",
            {
                *("--config", "--dry-run", "--flops-per-second", "--dollars-per-hour", "--json"),
                *("--verbose", "--quiet", "--no-report"),
            },
        ),
        ("bill", {"--make-up", "--prompts", "--json"}),
        ("judge", {"--reparse", "--verbose", "--json"}),
        ("profile", {"--output", "--formats", "--json"}),
        ("diagnose", {"--json"}),
        ("train", {"--output", "--allow-outside"}),
    ],
)
def test_the_tables_hold_the_options_of_the_command(command: str, elsewhere: set[str]) -> None:
    parameters = typer.main.get_command(app).commands[command].params
    parsed = {item.opts[0] for item in parameters if item.opts[0].startswith("--")}
    section = re.split(r"(?m)^## ", page().split(f"## `gisteval {command}`")[1])[0]
    assert set(re.findall(r"(?m)^\| `(--[a-z-]+)`", section)) == parsed - elsewhere
