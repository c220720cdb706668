"""ROUGE-L on references that it can't read: refused where they are many, said where they are few."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.records.run_folder import RunFolder

WORDS = ["\u5c71\u6c34", "\u9c7c\u4e66", "\u96e8\u96ea", "\u65e5\u6811", "\u732b\u72d7"]


@pytest.fixture
def runs(gisteval, tmp_path: Path):
    """Imports a right and a wrong system: of so many references, so many of them in Chinese."""

    def make(total: int, blind: int) -> tuple[Path, Path]:
        references = [WORDS[n % 5] if n < blind else f"word {n}" for n in range(total)]
        wrong = references[1:] + references[:1]
        for name, outputs in (("right", references), ("wrong", wrong), ("full", references)):
            rows = [
                {"instruction": f"say {n}", "y_pred": output, "y_true": reference}
                for n, (output, reference) in enumerate(zip(outputs, references, strict=True))
            ]
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            file = folder / ("full.jsonl" if name == "full" else "mine-gist-1.jsonl")
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        found = []
        for name in ("right", "wrong"):
            run = tmp_path / f"run of {name} {total} {blind}"
            done = gisteval(
                *("import", tmp_path / name / "mine-gist-1.jsonl", "--output", run),
                *("--pos-control", tmp_path / "full" / "full.jsonl"),
            )
            assert done.code == 0
            assert (f"note: all: {blind} of {total} references have no ASCII" in done.err) == (blind > 0)
            found.append(run)
        return found[0], found[1]

    return make


def test_a_gate_that_cannot_read_its_references_says_what_can(gisteval, refused, runs) -> None:
    right, wrong = runs(80, 80)
    said = refused("gate", wrong, "--baseline", right, "--metric", "rougeL", code=4)
    assert "80 of 80 references have no ASCII letter or digit" in said
    assert "rougeL-unicode, chrF or exact_match" in said
    for metric in ("rougeL-unicode", "chrF", "exact_match"):
        assert gisteval("gate", wrong, "--baseline", right, "--metric", metric).code == 1
        assert gisteval("gate", right, "--baseline", right, "--metric", metric).code == 0


def test_comparison_and_report_leave_it_out(gisteval, runs) -> None:
    right, wrong = runs(80, 80)
    done = gisteval("compare", wrong, right, "--json")
    found = json.loads(done.out)
    rows = {row["metric"]: row["difference"] for row in found["differences"]}
    assert rows["rougeL-unicode"] == -100.0
    assert "rougeL" not in rows
    assert "80 of 80 references" in found["left_out"][0]
    assert len(found["changes"]) == 5
    metrics = {row.metric for row in RunFolder.open(wrong).results()}
    assert "rougeL" not in metrics and "rougeL-unicode" in metrics
    assert gisteval("report", wrong).code == 0
    text = (wrong / "report" / "report.md").read_text(encoding="utf-8")
    assert "(Unicode words)" in text
    assert "within 5" not in text


def test_a_small_share_counts_and_is_said(gisteval, refused, runs) -> None:
    right, wrong = runs(200, 20)
    done = gisteval("gate", right, "--baseline", right, "--metric", "rougeL")
    assert done.code == 0
    assert "warning: all: 20 of 200 references have no ASCII letter or digit" in done.out
    assert gisteval("gate", wrong, "--baseline", right, "--metric", "rougeL").code == 1
    right, wrong = runs(200, 21)  # above 10%
    assert "21 of 200" in refused("gate", right, "--baseline", right, "--metric", "rougeL", code=4)
    right, wrong = runs(80, 0)
    assert "ASCII" not in gisteval("gate", right, "--baseline", right, "--metric", "rougeL").out
