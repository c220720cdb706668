"""The members of the Llama suite by seed: docs/seeds.json, and the tables of docs/demo.md.

    make seeds
    python benchmarks/seeds.py [--runs FOLDER] [--limit N]

Evaluates the bundled members and those in build/wordplay-llama-seeds on all splits, without a judge, and
keeps the losses and scores of each, no weights. A seed counts once gist-1 and its positive control
are trained. An interval over seeds is Student's t, and stands only where there are three seeds.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from page_tables import put_between, table
from scipy.special import stdtr

import gisteval
from gisteval.models.checkpoints.checkpoint import GIST_FILE
from gisteval.scores.diagnosed.training import SEEDS, average, half_width
from gisteval.stats import holm

ROOT = Path(__file__).resolve().parent.parent
BUNDLED = ROOT / "checkpoints" / "wordplay-llama"
TRAINED = ROOT / "build" / "wordplay-llama-seeds"
DATA, PAGE = ROOT / "docs" / "seeds.json", ROOT / "docs" / "demo.md"
START, END = "<!-- seeds: made by make seeds -->", "<!-- end of seeds -->"

MEMBERS = ("pos_control", "gist-1", "gist-5", "neg_control")
NEEDED = {"pos_control", "gist-1"}
SPLITS = ("seen", "unseen", "human")
GAPS = (
    ("gist-1", "pos_control"),
    ("gist-1", "neg_control"),
    ("gist-5", "pos_control"),
    ("gist-5", "gist-1"),
)
"""Of which pairs the table has the difference."""

Found = Mapping[str, Mapping[str, Any]]
"""What is known of each member of a seed."""


def members(folder: Path) -> dict[str, Path]:
    """The trained members in a folder."""
    return {name: folder / name for name in MEMBERS if (folder / name / GIST_FILE).exists()}


def evaluated(folder: Path, run: Path, limit: int | None) -> dict[str, dict[str, Any]]:
    """The training, the last losses and the scores of each member."""
    known = members(folder)
    gists = [str(known[name]) for name in ("gist-1", "gist-5") if name in known]
    rows = gisteval.run(model=gists, split=SPLITS, judge="none", output=str(run), limit=limit).rows
    found: dict[str, dict[str, Any]] = {}
    for name, path in known.items():
        training = json.loads((path / GIST_FILE).read_text(encoding="utf-8"))["training"]
        family = training["recipe"]["family"]
        system = f"{family}-{name}" + ("-1" if name.endswith("control") else "")
        curve = training["loss"]
        found[name] = {
            "seed": training["recipe"]["seed"],
            "precision": training.get("precision", "not noted"),
            "training_loss": average(curve, curve[-1][0]),
            "scores": {
                split: {
                    row.metric: [row.value, row.ci_low, row.ci_high]
                    for row in rows
                    if (row.system, row.split) == (system, split)
                    and row.metric in ("rougeL", "exact_match", "nll")
                }
                for split in SPLITS
            },
        }
    return found


def over_seeds(gaps: Sequence[float]) -> str:
    """The mean of a difference, with its t-interval from three seeds on."""
    mean = float(np.mean(gaps))
    if len(gaps) < SEEDS:
        return f"{mean:+.1f}"
    half = half_width(np.array(gaps))
    return f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}]"


def claim(seeds: Sequence[Found]) -> str:
    """Which orders the seeds show: t-tests over seeds, corrected for all of them (Holm)."""
    tested = []
    for (one, other), split in product(GAPS, SPLITS):
        gaps = differences(seeds, one, other, split)
        if len(gaps) >= SEEDS and np.std(gaps) > 0.0:  # equal gaps are no certainty
            mean = float(np.mean(gaps))
            t = mean / (float(np.std(gaps, ddof=1)) / math.sqrt(len(gaps)))
            order = f"{one} {'above' if mean > 0 else 'below'} {other} on {split}"
            tested.append((order, 2.0 * float(stdtr(len(gaps) - 1, -abs(t)))))
    if not tested:
        return f"**No order is claimed:** that takes {SEEDS} seeds of both."
    corrected = holm([p_value for _, p_value in tested])
    shown = [order for (order, _), p_value in zip(tested, corrected, strict=True) if p_value <= 0.05]
    what = ", ".join(shown) if shown else "none"
    count = len(tested)
    return f"Orders that these seeds show in exact match, corrected for {count} comparisons (Holm): {what}."


def differences(seeds: Sequence[Found], one: str, other: str, split: str) -> list[float]:
    """Exact match of one member less that of another, in points, of each seed that has both."""
    return [_exact(of[one], split) - _exact(of[other], split) for of in seeds if one in of and other in of]


def tables(seeds: Sequence[Found]) -> Iterator[str]:
    """Training losses, then exact match of each split, a line a seed, and the gaps over seeds."""
    yield _by_seed("training loss", seeds, lambda of: f"{of['training_loss']:.3f}")
    for split in SPLITS:
        yield _by_seed(
            f"{split}, exact match", seeds, lambda of, at=split: _shown(of["scores"][at]["exact_match"])
        )
    lines = []
    for one, other in GAPS:
        gaps = [differences(seeds, one, other, split) for split in SPLITS]
        if gaps[0]:
            lines.append((f"{one} - {other}", str(len(gaps[0])), *map(over_seeds, gaps)))
    yield table(("exact match, points", "seeds", *SPLITS), lines)


def _exact(of: Mapping[str, Any], split: str) -> float:
    return float(of["scores"][split]["exact_match"][0])


def _shown(value: Sequence[float]) -> str:
    return "{:.1f} [{:.1f}, {:.1f}]".format(*value)


def _by_seed(title: str, seeds: Sequence[Found], shown: Any) -> str:
    lines = [
        (str(found["gist-1"]["seed"]), *(shown(found[name]) if name in found else "-" for name in MEMBERS))
        for found in seeds
    ]
    return table((f"{title}, seed", *MEMBERS), lines)


def main() -> None:
    """Evaluate, keep and show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "seeds", help="folder of the runs")
    parser.add_argument("--limit", type=int, help="examples a split, to try it: nothing is written then")
    options = parser.parse_args()
    seeds = []
    for folder in (BUNDLED, *sorted(TRAINED.glob("seed-*"))):
        if not members(folder).keys() >= NEEDED:
            print(f"{folder}: left out, gist-1 or its control is not trained")
            continue
        seeds.append(evaluated(folder, options.runs / folder.name, options.limit))
    text = "\n\n".join((*tables(seeds), claim(seeds)))
    print(text)
    if options.limit is None:
        DATA.write_text(json.dumps(seeds, indent=1) + "\n", encoding="utf-8")
        put_between(PAGE, START, END, text)


if __name__ == "__main__":
    main()
