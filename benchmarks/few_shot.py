"""Few-shot examples inside the compressed part: accuracy over 0, 1 and 4 of them, by condition.

    python benchmarks/few_shot.py [suite] [--limit N]

Runs lm-eval's task gisteval_wordplay_choice (four choices, so 25% is chance) on every checkpoint of the
suite (checkpoints/wordplay-llama unless told) and prints the table of docs/lm-eval.md: accuracy in percent
with its 95% interval (Wilson), and the mean tokens of the compressed part and what is kept of them.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import lm_eval
from lm_eval.tasks import TaskManager

from gisteval.content import find_content
from gisteval.integrations.lm_eval import GistLM
from gisteval.models.checkpoints.checkpoint import is_checkpoint
from gisteval.stats import proportion_interval

TASK = "gisteval_wordplay_choice"
SHOTS = (0, 1, 4)


def cell(folder: Path, shots: int, limit: int | None, manager: TaskManager) -> str:
    model = GistLM(str(folder))
    found = lm_eval.simple_evaluate(
        model,
        tasks=[TASK],
        num_fewshot=shots,
        limit=limit,
        task_manager=manager,
        bootstrap_iters=0,
        log_samples=True,
    )
    right = [bool(sample["acc"]) for sample in found["samples"][TASK]]
    interval = proportion_interval(right)
    done = model.compression
    tokens, kept = done.source_tokens / done.prompts, done.kept / done.prompts
    return (
        f"{interval.value:.0f} ({interval.ci_low:.0f}-{interval.ci_high:.0f}), {tokens:.0f} -> {kept:.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Few-shot examples inside the compressed part.")
    parser.add_argument(
        "suite", type=Path, nargs="?", default=find_content("checkpoints") / "wordplay-llama"
    )
    parser.add_argument("--limit", type=int, help="Questions; all unless told.")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    manager = TaskManager(include_path=str(find_content("tasks")), include_defaults=False)
    print("| checkpoint | " + " | ".join(f"{shots} shots" for shots in SHOTS) + " |")
    print("|---|" + "---|" * len(SHOTS))
    for folder in sorted(path for path in options.suite.iterdir() if path.is_dir() and is_checkpoint(path)):
        cells = [cell(folder, shots, options.limit, manager) for shots in SHOTS]
        print(f"| {folder.name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
