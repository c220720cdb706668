"""`gisteval validate`: the schema of configuration files, and content that is sound or not."""

from __future__ import annotations

import json
from pathlib import Path

from gisteval.config import RunConfig
from gisteval.options import described


def test_the_schema_knows_every_option_of_a_file(gisteval) -> None:
    schema = json.loads(gisteval("validate", "--schema").out)
    wanted = {name for name, item in described(RunConfig).items() if not item.option.command_only}
    assert wanted <= schema["properties"].keys() and schema["additionalProperties"] is False


def test_a_task_is_sound_or_names_its_fault(gisteval, refused, write_task, tmp_path: Path) -> None:
    file = write_task(tmp_path / "task", [("say a", "", "a")]) / "task.yaml"
    outcome = gisteval("validate", file, "--with-data")
    assert outcome.code == 0 and outcome.out.startswith("ok  task ")
    file.write_text(file.read_text().replace("description:", "descriptoin:"))
    assert "task.yaml: description: Field required" in refused("validate", file)
