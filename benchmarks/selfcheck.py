"""Does the self-check find planted faults, and let right models pass?

    python benchmarks/selfcheck.py [--device cpu|cuda] [--tiny] [--checks 200] [--seconds 220] [--json FILE]

Every fault of tests/fixtures/planted_faults.py is planted into random models of four families in float32,
bfloat16 and float16, and into the bundled demo suites. Then right models are checked: other families and
seeds, dtypes, gists, compressors and mixes of lengths. A table says which faults were caught and how many
right checks were refused, how far right ones stay below the tolerance, and how far faults lie above it.

On a GPU larger random models are added, unless --tiny is given. Parts that do not fit into the seconds are
left out, and the table says so. Needs a checkout, torch and transformers, and no network. Exit code 1 if a
fault was missed, a right check was refused, or something was left out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "fixtures")]

import torch  # noqa: E402
from planted_faults import FAULTS, applies  # noqa: E402
from random_models import random_examples, random_model  # noqa: E402

from gisteval.compressors.base import Compressor  # noqa: E402
from gisteval.compressors.empty import Empty  # noqa: E402
from gisteval.compressors.full import Full  # noqa: E402
from gisteval.compressors.gist.gist import Gist  # noqa: E402
from gisteval.errors import InvalidRun  # noqa: E402
from gisteval.generation.selfcheck import SelfCheck, choose_examples, failure, measure_paths  # noqa: E402
from gisteval.generation.selfcheck.control import STATES_FACTOR  # noqa: E402
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint  # noqa: E402
from gisteval.models.checkpoints.loading import load_model  # noqa: E402
from gisteval.records.schema import Example  # noqa: E402

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FAULTY = ("llama", "qwen2", "gpt2", "t5")
RIGHT = (*FAULTY, "mistral", "qwen3", "gpt_neox", "mixtral")
LARGE = {
    "llama": {"width": 1024, "layers": 12, "gain": 2.0},
    "t5": {"width": 1024, "layers": 12, "gain": 9.0},
}
DEMO = ("wordplay-llama/gist-1", "wordplay-t5/gist-1")


@dataclass
class Outcome:
    """What was found so far. Shares are of the largest difference in the tolerance."""

    caught: dict[str, dict[str, bool]] = field(default_factory=dict)
    faint: dict[str, float] = field(default_factory=dict)
    right: int = 0
    refused: list[str] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Subject:
    """A model to plant faults into, and what it is checked on."""

    name: str
    dtype: str
    model: Any
    examples: list[Example]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tiny", action="store_true", help="no larger models, and none of the demo suites")
    parser.add_argument("--checks", type=int, default=200, help="right models to check")
    parser.add_argument("--seconds", type=float, default=220, help="for everything")
    parser.add_argument("--json", type=Path, help="also write the outcome here")
    options = parser.parse_args()
    start = time.monotonic()
    outcome = Outcome()
    plant(options, outcome, until=start + 0.7 * options.seconds)
    pass_right_ones(options, outcome, until=start + options.seconds)
    print(render(outcome, options.device, time.monotonic() - start))
    if options.json:
        options.json.write_text(json.dumps(vars(outcome), indent=1) + "\n")
    missed = not all(all(row.values()) for row in outcome.caught.values())
    return int(missed or bool(outcome.refused) or bool(outcome.left_out))


def plant(options: argparse.Namespace, outcome: Outcome, until: float) -> None:
    """Every fault in every subject."""
    for subject in subjects(options, outcome, until):
        column = f"{subject.name} {subject.dtype}"
        for name, fault in FAULTS.items():
            if not applies(name, subject.model):
                continue
            if time.monotonic() > until:
                outcome.left_out.append(f"{column} from {name!r} on")
                break
            with fault(subject.model):
                found = measured(subject.model, Gist(), subject.examples)
            if isinstance(found, SelfCheck):
                outcome.caught.setdefault(name, {})[column] = failure(found) is not None
                if not found.broken_rows:
                    outcome.faint[name] = min(outcome.faint.get(name, torch.inf), share(found))
            else:
                outcome.caught.setdefault(name, {})[column] = True


def subjects(options: argparse.Namespace, outcome: Outcome, until: float) -> Iterator[Subject]:
    """Models one after the other, the next one made when it is asked for."""
    kinds: list[tuple[str, str, dict[str, Any]]] = [(family, "", {}) for family in FAULTY]
    if options.device != "cpu" and not options.tiny:
        kinds += [(family, " (1024 x 12)", shape) for family, shape in LARGE.items()]
    for (family, size, shape), dtype in itertools.product(kinds, DTYPES):
        if time.monotonic() > until:
            outcome.left_out.append(f"{family}{size} {dtype}")
            continue
        model = random_model(family, DTYPES[dtype], options.device, **shape)
        yield Subject(family + size, dtype, model, random_examples(count=8))
    for name, dtype in itertools.product(() if options.tiny else DEMO, DTYPES):
        if time.monotonic() > until:
            outcome.left_out.append(f"{name} {dtype}")
            continue
        checkpoint = inspect_checkpoint(ROOT / "checkpoints" / name)
        model = load_model(checkpoint, torch.device(options.device), DTYPES[dtype])
        yield Subject(name, dtype, model, choose_examples(model, {"unseen": demo_examples()}))


def demo_examples() -> list[Example]:
    lines = (ROOT / "tasks" / "wordplay" / "unseen.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line) for line in lines[:200]]
    return [
        Example(str(n), "wordplay", "unseen", text["instruction"], text["input"], text["output"])
        for n, text in enumerate(texts)
    ]


def pass_right_ones(options: argparse.Namespace, outcome: Outcome, until: float) -> None:
    """Right models, each of another family, dtype, seed, size of weights and mix of rows."""
    draw = random.Random(0)
    kinds = list(itertools.product(RIGHT, DTYPES))
    for number in range(options.checks):
        family, dtype = kinds[number % len(kinds)]
        if time.monotonic() > until:
            outcome.left_out.append(f"{options.checks - number} of {options.checks} right checks")
            return
        large = options.device != "cpu" and not options.tiny and number % 8 == 0
        shape = (
            {"width": 512, "layers": 8, "gain": 2.0} if large else {"gain": draw.choice([1.0, 3.0, 9.0])}
        )
        model = random_model(
            family, DTYPES[dtype], options.device, k=draw.choice([1, 3]), seed=number, **shape
        )
        compressor, window = draw.choice([(Gist(), 0), (Gist(), 2), (Full(), 0), (Empty(), 0)])
        model.leak_window = window
        examples = random_examples(number, draw.choice([1, 2, 5, 12]))
        found = measured(model, compressor, examples)
        outcome.right += 1
        label = f"{family} {dtype} {compressor.name}, number {number}"
        if not isinstance(found, SelfCheck):
            outcome.refused.append(f"{label}: {found}")
            continue
        reason = failure(found)
        if reason is not None:
            outcome.refused.append(f"{label}: {reason}, tolerance {found.tolerance:.2g}")
        outcome.shares[dtype] = max(outcome.shares.get(dtype, 0.0), share(found))


def measured(model: Any, compressor: Compressor, examples: list[Example]) -> SelfCheck | str:
    try:
        return measure_paths(model, compressor, None, examples)
    except InvalidRun as error:
        return str(error)


def share(check: SelfCheck) -> float:
    """The largest difference over its tolerance."""
    nats = max(
        check.loss_difference,
        check.decoded_difference,
        check.batch_difference,
        check.stock_difference or 0.0,
    )
    return max(nats / check.tolerance, check.state_ratio / STATES_FACTOR)


def render(outcome: Outcome, device: str, seconds: float) -> str:
    """The outcome as Markdown."""
    where = torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"
    lines = [
        f"{where}, torch {torch.__version__}, {seconds:.0f} s",
        "",
        "| fault | caught | missed in | smallest difference, in tolerances |",
        "|---|---|---|---|",
    ]
    for name, columns in outcome.caught.items():
        missed = ", ".join(column for column, caught in columns.items() if not caught)
        faint = f"{outcome.faint[name]:.1f}" if name in outcome.faint else "the tokens themselves"
        lines.append(f"| {name} | {sum(columns.values())} of {len(columns)} | {missed or '-'} | {faint} |")
    lines += ["", f"Right checks refused: {len(outcome.refused)} of {outcome.right}."]
    lines += [f"- {line}" for line in outcome.refused]
    lines += [
        f"- {dtype}: the largest difference is {value:.2f} of its tolerance"
        for dtype, value in outcome.shares.items()
    ]
    lines += [f"Left out for time: {part}" for part in outcome.left_out]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
