"""Scoring files, on tiny literal ones and on the paper's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.metrics import rouge_l_f1
from gisteval.pipeline.score_files import score_file
from gisteval.stats import percent_interval, proportion_interval

CSV = 'x,y_pred,y_true\nq,"a, b",a b\nq,None,NA\nq,,x\nq,日本,日本\n'
ROWS = [
    {"y_pred": "a, b", "y_true": "a b"},
    {"y_pred": "None", "y_true": "NA"},
    {"y_pred": "", "y_true": "x"},
    {"y_pred": "日本", "y_true": "日本"},
]
FILES = {
    "out.csv": CSV,
    "bom.csv": "\ufeff" + CSV.replace("\n", "\r\n"),
    "out.tsv": "y_true\ty_pred\na b\ta, b\nNA\tNone\nx\t\n日本\t日本\n",
    "out.json": json.dumps(ROWS),
    "out.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n\n" for row in ROWS),
}


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_scores(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, FILES[name])
    scores = score_file(path)
    assert scores.file == str(path)
    assert scores.n == 4
    assert scores.rouge_l == percent_interval([100.0, 0.0, 0.0, 0.0])
    assert scores.exact_match == proportion_interval([False, False, False, True])
    assert scores.length == 1.0
    assert (scores.empty_predictions, scores.zero_token_references) == (1, 1)


def test_references_without_ascii_words_are_named(gisteval, tmp_path: Path) -> None:
    rows = "".join(f"\u4f60\u597d{n},\u4f60\u597d\n" for n in "\u5417\u554a\u5440")
    path = write(tmp_path, "out.csv", f"y_pred,y_true\n{rows}hello,hello\n")
    done = gisteval("score", path)
    assert done.code == 0
    assert done.err.startswith(f"warning: {path}: 3 of 4 references have no ASCII letter or digit")
    # Of three characters two are those of the reference: an F1 of 4/5, and one equal pair.
    assert "ROUGE-L 25.00 [" in done.out and "on Unicode words 85.00 [" in done.out
    assert json.loads(gisteval("score", path, "--json").out)[0]["rougeL_unicode"] == pytest.approx(85.0)
    assert gisteval("score", write(tmp_path, "ascii.csv", "y_pred,y_true\na,a\n")).err == ""


def test_row_is_flat_json(tmp_path: Path) -> None:
    row = score_file(write(tmp_path, "out.csv", CSV)).as_row()
    assert list(row) == [
        "file",
        "n",
        "rougeL",
        "rougeL_ci_low",
        "rougeL_ci_high",
        "rougeL_unicode",
        "rougeL_unicode_ci_low",
        "rougeL_unicode_ci_high",
        "exact_match",
        "exact_match_ci_low",
        "exact_match_ci_high",
        "length",
        "empty_predictions",
        "zero_token_references",
        "signature",
    ]
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert "clusters:none" in str(row["signature"])


def test_one_example_has_no_interval(tmp_path: Path) -> None:
    row = score_file(write(tmp_path, "one.csv", "y_pred,y_true\na,a\n")).as_row()
    assert (row["rougeL"], row["rougeL_ci_low"], row["rougeL_ci_high"]) == (100.0, None, None)


def test_instruction_column_makes_clusters(tmp_path: Path) -> None:
    text = "instruction,y_pred,y_true\ns,a,a\ns,b,b\nt,c,d\nu,e,e\n"
    scores = score_file(write(tmp_path, "out.csv", text))
    assert scores.rouge_l == percent_interval([100.0, 100.0, 0.0, 100.0], ["s", "s", "t", "u"])
    assert (scores.exact_match.clusters, scores.exact_match.method) == (3, "gaffke")
    assert "clusters:instruction" in scores.signature


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("a,a\nb,b\n", 1.0, 100.0),
        ("a,a\nb,c\n", 0.0, 100.0),
        ("a,b\n" * 40, 0.0, 10.0),
        ("a b,a b\nc,c\nd e,d f\n", 10.0, 100.0),
    ],
)
def test_intervals_stay_within_0_and_100_and_have_a_width(
    tmp_path: Path, text: str, low: float, high: float
) -> None:
    scores = score_file(write(tmp_path, "out.csv", "y_pred,y_true\n" + text))
    for found in (scores.rouge_l, scores.exact_match):
        assert 0.0 <= found.ci_low < found.ci_high <= 100.0
        assert found.ci_low <= found.value <= found.ci_high
    assert scores.rouge_l.ci_low >= low and scores.rouge_l.ci_high <= high


@pytest.mark.parametrize(("rows", "what"), [("s,a,a\n", "example"), ("s,a,a\ns,b,c\n", "cluster")])
def test_one_example_or_cluster_has_no_interval(tmp_path: Path, rows: str, what: str) -> None:
    scores = score_file(write(tmp_path, "out.csv", "instruction,y_pred,y_true\n" + rows))
    assert scores.as_row()["rougeL_ci_low"] is None and scores.as_row()["exact_match_ci_high"] is None
    assert f"(no interval: one {what})" in scores.summary()


def test_columns_can_be_named(tmp_path: Path) -> None:
    text = "group,output,gold\ns,a,a\ns,b,b\nt,c,d\n"
    scores = score_file(write(tmp_path, "out.csv", text), "output", "gold", cluster_column="group")
    assert (scores.n, scores.rouge_l.clusters) == (3, 2)


def test_long_fields_and_line_separators_are_kept(tmp_path: Path) -> None:
    long = "word " * 40_000
    scores = score_file(write(tmp_path, "long.csv", f"y_pred,y_true\n{long},{long}\n"))
    assert (scores.length, scores.exact_match.value) == (40_000.0, 100.0)
    line = '{"y_pred": "a\u2028b", "y_true": "a b"}\n'
    assert score_file(write(tmp_path, "line.jsonl", line)).n == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "x,y_pred\n1,2\n", "no column 'y_true'; it has x, y_pred"),
        ("a.csv", "y_pred,y_true\n", "no rows"),
        ("a.csv", "", "no rows"),
        ("a.csv", "y_pred,y_true\na,b\nc\n", "line 3: not CSV .1 fields, but the header has 2"),
        ("a.csv", "y_pred,y_true\na,b,c\n", "line 2: not CSV .3 fields, but the header has 2"),
        ("a.csv", 'y_pred,y_true\n"a,b\n', "not CSV .unexpected end"),
        ("a.csv", "y_pred,y_true,y_pred\na,b,c\n", "several columns are named 'y_pred'"),
        ("a.json", '{"y_pred": "a", "y_true": "b"}', "expected a list"),
        ("a.json", "[1]", "record 1 is not an object"),
        ("a.json", "[]", "no rows"),
        ("a.json", '[{"y_pred": null, "y_true": "b"}]', "row 1 has no text in column 'y_pred'"),
        ("a.json", '[{"y_pred": 3, "y_true": "b"}]', "row 1 has no text in column 'y_pred'"),
        ("a.jsonl", '{"y_pred": "a", "y_true": "b"}\n{"y_pred"', "line 2: not JSON"),
        ("a.jsonl", '{"y_pred": "a", "y_true": "b"}\n{"y_pred": "a"}', "row 2 has no text"),
    ],
)
def test_unusable_files_are_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = write(tmp_path, name, text)
    with pytest.raises(GistevalError, match=message) as caught:
        score_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_named_column(tmp_path: Path) -> None:
    with pytest.raises(GistevalError, match="no such file"):
        score_file(tmp_path / "absent.csv")
    with pytest.raises(GistevalError, match="no column 'group'"):
        score_file(write(tmp_path, "a.csv", CSV), cluster_column="group")


def test_other_encodings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("y_pred,y_true\ncafé,café\n".encode("latin-1"))
    with pytest.raises(GistevalError, match="not UTF-8"):
        score_file(path)


def test_the_papers_file(shared_data: Path) -> None:
    outputs = shared_data / "paper" / "model_outputs" / "LLaMA-pos_control-1"
    scores = score_file(outputs / "outputs-3000-validation_seen.csv")
    assert scores.n == 1000
    assert scores.rouge_l.value == pytest.approx(58.0104, abs=0.2)
    assert scores.zero_token_references == 7
    assert scores.exact_match.value == 30.0


def test_percent_is_the_plain_mean(tmp_path: Path) -> None:
    pairs = [("the cat sat", "a cat sat down"), ("x", "x y z"), ("p q", "q p")]
    text = "y_pred,y_true\n" + "".join(f"{ours},{theirs}\n" for ours, theirs in pairs)
    predictions, references = (list(column) for column in zip(*pairs, strict=True))
    expected = float(rouge_l_f1(predictions, references).mean())
    assert score_file(write(tmp_path, "a.csv", text)).rouge_l.value == pytest.approx(expected)
