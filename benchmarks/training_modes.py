"""How much of a model gists need, and whether spans of text help them: docs/training.md.

    make peft pretraining
    python benchmarks/training_modes.py [--runs FOLDER] [--limit N]

Evaluates what was trained into build/wordplay-peft and build/wordplay-pretraining on all splits, between
the controls of the demo suite and without a judge. Keeps losses and scores in docs/training.json. A seed
of the pretraining counts once it was trained in both ways. An interval over seeds is Student's t, and
stands only where there are three seeds.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from page_tables import put_between, table
from safetensors import safe_open
from seeds import over_seeds

import gisteval
from gisteval.models.checkpoints.checkpoint import GIST_FILE
from gisteval.scores.diagnosed.training import average

ROOT = Path(__file__).resolve().parent.parent
SUITE = ROOT / "checkpoints" / "wordplay-llama"
PEFT, PRETRAINING = ROOT / "build" / "wordplay-peft", ROOT / "build" / "wordplay-pretraining"
DATA, PAGE = ROOT / "docs" / "training.json", ROOT / "docs" / "training.md"
SPLITS = ("seen", "unseen", "human")
K = 5
METRICS = ("exact_match", "rougeL", "nll")
MEMBERS = {
    "nothing": "nothing: the base behind the gist mask",
    "row": "the row of `<GIST>`",
    "lora-4": "LoRA, rank 4",
    "lora-16": "LoRA, rank 16",
    "lora-64": "LoRA, rank 64",
    "all": "all weights",
}
"""The recipes of checkpoints/wordplay-peft, and what they train."""

CONTROLS = {
    "wordplay-llama-pos_control-1": "positive control",
    "wordplay-llama-neg_control-1": "negative control",
}
WAYS = ("after", "without")
Found = Mapping[str, Any]
Tables = Callable[[Found], Iterator[str]]


def evaluated(known: Mapping[str, Path], runs: Path, limit: int | None) -> dict[str, Any]:
    """The training and the scores of each checkpoint by its name, and the scores of both controls."""
    rows = gisteval.run(
        model=[str(path) for path in known.values()],
        pos_control=str(SUITE / "pos_control"),
        neg_control=str(SUITE / "neg_control"),
        split=SPLITS,
        judge="none",
        output=str(runs / "+".join(known)),
        limit=limit,
    ).rows
    scores: dict[str, Any] = {}
    for row in rows:
        if row.metric in METRICS:
            of_split = scores.setdefault(row.system, {}).setdefault(row.split, {})
            of_split[row.metric] = [row.value, row.ci_low, row.ci_high]
    found: dict[str, Any] = {name: {"scores": scores[system]} for system, name in CONTROLS.items()}
    for name, path in known.items():
        record = json.loads((path / GIST_FILE).read_text(encoding="utf-8"))
        found[name] = {"scores": scores[f"{record['family']}-gist-{record['k']}"]}
        if training := record["training"]:
            curve = training["loss"]
            found[name] |= {
                "trained": trained(path, training["parameters"]),
                "recipe": training["recipe"],
                "precision": training["precision"],
                "training_loss": average(curve, curve[-1][0]),
            }
    return found


def peft_members() -> list[dict[str, Path]]:
    """What is trained of checkpoints/wordplay-peft, and the untrained base: a run each."""
    known = {name: PEFT / name for name in MEMBERS if (PEFT / name / GIST_FILE).exists()}
    if not known:
        return []
    return [known, {"nothing": read_as_gist(SUITE / "pos_control", PEFT / "untrained")}]


def pretraining_members() -> list[dict[str, Path]]:
    """Both ways of each seed that was trained in both: a run each."""
    seeds = sorted(path.name.removeprefix("after-") for path in PRETRAINING.glob("after-*"))
    members = [{f"{way}-{seed}": PRETRAINING / f"{way}-{seed}" for way in WAYS} for seed in seeds]
    return [known for known in members if all((path / GIST_FILE).exists() for path in known.values())]


def read_as_gist(base: Path, folder: Path) -> Path:
    """Copy a positive control that is read as a gist checkpoint of the members' k, without any training."""
    shutil.copytree(base, folder, dirs_exist_ok=True)
    record = json.loads((folder / GIST_FILE).read_text(encoding="utf-8"))
    record |= {"family": "wordplay-peft-nothing", "condition": "gist", "k": K, "training": {}}
    (folder / GIST_FILE).write_text(json.dumps(record), encoding="utf-8")
    return folder


def trained(path: Path, parameters: int) -> int:
    """Number of weights that a training changed. Tied copies of the row of `<GIST>` are one."""
    adapter = path / "adapter_model.safetensors"
    if not adapter.exists():
        return parameters
    with safe_open(adapter, "np") as file:
        sizes = {key: file.get_tensor(key).size for key in file.keys()}  # noqa: SIM118
    matrices = sum(size for key, size in sizes.items() if "lora_" in key)
    return int(matrices + next(size for key, size in sizes.items() if "trainable_tokens" in key))


def peft_tables(found: Found) -> Iterator[str]:
    """What each way trains and its loss, then the scores of each split."""
    names = [name for name in MEMBERS if name in found]
    yield table(
        ("trained", "weights", "optimizer, rate", "training loss"),
        [
            (
                MEMBERS[name],
                f"{found[name]['trained']:,}",
                rate(found[name]["recipe"]),
                f"{found[name]['training_loss']:.3f}",
            )
            for name in names
            if "trained" in found[name]
        ],
    )
    positive, negative = CONTROLS.values()
    for split in SPLITS:
        shown = [
            (MEMBERS.get(name, name), found[name]["scores"][split]) for name in (positive, *names, negative)
        ]
        yield table(
            (split, "exact match", "ROUGE-L", "loss"),
            [
                (title, interval(of["exact_match"]), interval(of["rougeL"]), f"{of['nll'][0]:.3f}")
                for title, of in shown
            ],
        )


def rate(recipe: Found) -> str:
    """The optimizer of what has most weights, and its rate."""
    field = "matrix_rate" if recipe["optimizer"] == "muon" else "learning_rate"
    return f"{recipe['optimizer']}, {recipe[field]}"


def pretraining_tables(found: Found) -> Iterator[str]:
    """Exact match of each seed in both ways, and the difference over seeds."""
    seeds = [name.removeprefix("after-") for name in found if name.startswith("after-")]
    yield table(
        ("way, seed", "training loss", *SPLITS),
        [
            (
                f"{'spans, then instructions' if way == 'after' else 'instructions alone'}, {seed}",
                f"{of['training_loss']:.3f}",
                *(interval(of["scores"][split]["exact_match"]) for split in SPLITS),
            )
            for seed in seeds
            for way in WAYS
            for of in [found[f"{way}-{seed}"]]
        ],
    )
    gaps = {
        (metric, split): [
            found[f"after-{seed}"]["scores"][split][metric][0]
            - found[f"without-{seed}"]["scores"][split][metric][0]
            for seed in seeds
        ]
        for metric in METRICS
        for split in SPLITS
    }
    titles = {
        "exact_match": "exact match, points",
        "rougeL": "ROUGE-L, points",
        "nll": "loss, hundredths of a nat",
    }
    yield table(
        ("with spans - without", "seeds", *SPLITS),
        [
            (
                title,
                str(len(seeds)),
                *(
                    over_seeds([gap * (100 if metric == "nll" else 1) for gap in gaps[metric, split]])
                    for split in SPLITS
                ),
            )
            for metric, title in titles.items()
        ],
    )


def interval(value: Sequence[float]) -> str:
    """A score with its 95% interval."""
    return "{:.1f} [{:.1f}, {:.1f}]".format(*value)


def main() -> None:
    """Evaluate, keep and show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "training", help="folder of the runs")
    parser.add_argument("--limit", type=int, help="examples a split, to try it: nothing is written then")
    options = parser.parse_args()
    parts: dict[str, tuple[list[dict[str, Path]], Tables]] = {
        "peft": (peft_members(), peft_tables),
        "pretraining": (pretraining_members(), pretraining_tables),
    }
    found = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
    for name, (runs, tables) in parts.items():
        if not runs:
            print(f"{name}: left out, nothing is trained")
            continue
        found[name] = {}
        for known in runs:
            found[name] |= evaluated(known, options.runs, options.limit)
        text = "\n\n".join(tables(found[name]))
        print(text)
        if options.limit is None:
            DATA.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            start, end = f"<!-- {name}: made by make {name} -->", f"<!-- end of {name} -->"
            put_between(PAGE, start, end, text)


if __name__ == "__main__":
    main()
