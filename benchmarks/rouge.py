"""How much faster gisteval's ROUGE-L is than rouge_score's on the paper's released outputs.

    python benchmarks/rouge.py [FOLDER]

FOLDER holds `*/outputs-*.csv`; by default $GISTEVAL_SHARED_DATA/paper/model_outputs. Prints one
JSON line. Both start cold, so each stems every word of the files for the first time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from rouge_score.rouge_scorer import RougeScorer

from gisteval.metrics import rouge_l_f1


def read_outputs(folder: Path) -> pd.DataFrame:
    """All predictions and references below the folder, one row an example."""
    files = sorted(folder.glob("*/outputs-*.csv"))
    if not files:
        sys.exit(f"no */outputs-*.csv in {folder}: give the folder of the released outputs")
    frames = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in files]
    return pd.concat(frames, ignore_index=True)


def main() -> None:
    """Time both on the same pairs, check that they agree, print the ratio."""
    default = os.environ.get("GISTEVAL_SHARED_DATA")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?" if default else None,
        default=Path(default) / "paper" / "model_outputs" if default else None,
    )
    outputs = read_outputs(parser.parse_args().folder)
    predictions, references = outputs["y_pred"].tolist(), outputs["y_true"].tolist()

    start = time.perf_counter()
    ours = rouge_l_f1(predictions, references)
    ours_seconds = time.perf_counter() - start

    start = time.perf_counter()
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    theirs = [
        scorer.score(reference, prediction)["rougeL"].fmeasure
        for prediction, reference in zip(predictions, references, strict=True)
    ]
    theirs_seconds = time.perf_counter() - start

    result = {
        "examples": len(predictions),
        "gisteval_seconds": round(ours_seconds, 3),
        "rouge_score_seconds": round(theirs_seconds, 3),
        "ratio": round(theirs_seconds / ours_seconds, 1),
        "identical": bool(np.array_equal(ours, 100.0 * np.asarray(theirs, dtype=np.float64))),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
