"""The reference of all options, docs/configuration.md: `make docs` writes it."""

from __future__ import annotations

from collections.abc import Iterable

from gisteval.cli.train import TrainOptions
from gisteval.config import RunConfig
from gisteval.options import Described, described
from gisteval.pipeline.bill.options import BillOptions
from gisteval.pipeline.diagnose.options import DiagnoseOptions
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.profile.options import ProfileOptions

EXAMPLE = """\
model: checkpoints/wordplay-llama/pos_control
task: wordplay
split: [unseen, human]
compressor: truncate
budget: [5, 25%]
max_new_tokens: 32
output: runs/configured
"""
"""A configuration file that the bundled content can run."""

INTRODUCTION = f"""\
# Configuration

This page is made from the program by `make docs`: change `gisteval/config.py`, not the page.

A run is described by options. Each can be given on the command line, in a YAML file, or from Python, under
the same name and with the same meaning:

    gisteval run --model checkpoints/wordplay-llama --split human --limit 16
    gisteval run --config run.yaml --limit 16
    gisteval.run(model="checkpoints/wordplay-llama", split="human", limit=16)

The command line wins over the file, and the file over the defaults. A file looks like this:

```yaml
{EXAMPLE}```

- The name of a field is that of the option, with `_` for `-`: `--max-new-tokens` is `max_new_tokens`. The
  command line understands `--max_new_tokens` as well.
- An option that may be repeated takes a list in a file. `--split unseen,human` and `split: [unseen, human]`
  are the same. A file may name these fields in the plural as well: `models`, `splits`, `compressors`,
  `budgets` and `judge_params`.
- An empty field, or `null`, stands for the default.
- No file sets `allow_host`, because a file may be somebody else's.
- A mistake is one line that names the file and the field, and nothing starts (exit code 2).
- `gisteval validate --schema` prints the JSON schema of these files, with which editors check them.
- A [sweep](sweeps.md) takes the same fields, and lists of values for its grid.

## `gisteval run`

`--config FILE` names the file. `--dry-run` prints what would be run and what it would cost. `--json` prints
the results as JSON, `--verbose` as wide tables, `--quiet` the folder alone. `--no-report` writes no
report. None of them can stand in a file.
"""

OTHERS = {
    "judge": (
        JudgeOptions,
        "Besides these, the command takes the folder of a finished run, `--reparse` (read the stored\n"
        "replies again) and `--json`. [judging.md](judging.md) says more.",
    ),
    "profile": (
        ProfileOptions,
        "Besides these, the command takes `--output DIR` and `--json`. [profiling.md](profiling.md) says\n"
        "more.",
    ),
    "bill": (
        BillOptions,
        "Besides these, the command takes the usage log, `--make-up N` and `--prompts N` (write a made-up\n"
        "log instead) and `--json`. [costs.md](costs.md) says more.",
    ),
    "diagnose": (
        DiagnoseOptions,
        "Besides these, the command takes the folder of a finished run in place of a model, and\n"
        "`--json`. [diagnostics.md](diagnostics.md) says more.",
    ),
    "train": (
        TrainOptions,
        "Besides these, the command takes the YAML file of a recipe, `--output DIR` and\n"
        "`--allow-outside` (let the recipe extend files outside its folder). What is given replaces what\n"
        "the recipe says.",
    ),
}
"""Further commands with many options: these, and what else is said of the command."""


def page() -> str:
    """The text of docs/configuration.md."""
    parts = [INTRODUCTION]
    by_panel: dict[str, list[Described]] = {}
    for item in described(RunConfig).values():
        by_panel.setdefault(item.option.panel.value, []).append(item)
    parts += [f"### {panel}\n\n{_table(items)}" for panel, items in by_panel.items()]
    for name, (kind, note) in OTHERS.items():
        parts.append(f"## `gisteval {name}`\n\n{note}\n\n{_table(described(kind).values())}")
    return "\n".join(parts)


def _table(items: Iterable[Described]) -> str:
    rows = ["| option | value | default | meaning |", "|---|---|---|---|"]
    for item in items:
        default = item.unset if item.option.unset else _code(item.unset)
        cells = (_name(item), _value(item), default, item.option.help)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _name(item: Described) -> str:
    return f"`{item.name}` (in a file only)" if item.option.file_only else f"`--{item.flag}`"


def _value(item: Described) -> str:
    if item.kind is bool:
        return "true or false"
    return " or ".join(map(_code, item.option.choices or [item.metavar or "TEXT,TEXT"]))


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    print(page(), end="")
