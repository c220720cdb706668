"""A run's folder: whose it is, and reading back what was written."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, Generation, ResultRow, Verdict
from gisteval.records.store import RecordWriter

MANIFEST = {
    "identity": {"task": "t", "systems": {"a": "1"}},
    "command": ["first"],
    "systems": [{"name": "a", "role": "candidate"}],
    "splits": {"s": 2},
    "self_check": {},
}
EXAMPLES = {"s": (Example("1", "t", "s", "say ü", "", "ü"), Example("2", "t", "s", "say \ud800", "x", "y"))}
RECORD = Generation(
    "k", "e", "c", "t", "s", "a", "gist", None, "gist", 1, "out", 1, True, 9, 3, 1, 64, 1.5, 2
)


def claimed(path: Path, manifest: dict[str, object] = MANIFEST) -> RunFolder:
    folder = RunFolder(path)
    folder.claim(json.loads(json.dumps(manifest)), EXAMPLES)
    return folder


def test_a_new_folder_is_claimed_and_continued(tmp_path: Path) -> None:
    folder = claimed(tmp_path / "new" / "run")
    figures = {"examples": 6, "tokens": 9, "max_nll_difference": 1e-5, "greedy_mismatches": 0}
    folder.note_self_check("a", figures)
    again = claimed(folder.path, {**MANIFEST, "command": ["second"]})
    assert again.manifest()["self_check"] == {"a": figures}
    assert json.loads((folder.path / "manifest.json").read_text())["command"] == ["second"]
    (tmp_path / "empty").mkdir()
    claimed(tmp_path / "empty")


def test_the_folder_of_another_run_is_refused_and_left_alone(tmp_path: Path) -> None:
    claimed(tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    other = {**MANIFEST, "identity": {"task": "t", "systems": {"a": "2"}}}
    with pytest.raises(GistevalError, match=r"holds another run \(its systems differ\): choose another"):
        claimed(tmp_path, other)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_a_folder_that_is_no_run_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(GistevalError, match="not empty and holds no run: choose another --output"):
        claimed(tmp_path)
    with pytest.raises(GistevalError, match=r"thesis\.txt is a file"):
        claimed(tmp_path / "thesis.txt")
    with pytest.raises(GistevalError, match=r"manifest\.json can't be written"):
        claimed(tmp_path / "thesis.txt" / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"identity": 3, "self_check": {}}'])
def test_a_damaged_manifest_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(GistevalError, match=r"manifest\.json is damaged or no manifest"):
        claimed(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"splits": {"s": -1}}, r"splits\.s is -1, not a whole number from 1"),
        ({"systems": [{"name": "a", "role": 3}]}, r"systems\[0\]\.role is 3, not one of candidate"),
        (
            {"systems": [{"name": "a", "role": "candidate", "reference": "b"}]},
            "reference is 'b', not a system",
        ),
        ({"systems": [{"name": "a", "role": "candidate", "k": True}]}, r"k is True, not a whole number"),
        ({"self_check": {"a": {"examples": 6}}}, r"self_check\.a\.tokens is missing"),
        ({"judges": {"j": {"notes": "x"}}}, r"judges\.j\.notes is 'x', not a list"),
        ({"versions": {"torch": None}}, r"versions\.torch is None, not a text"),
    ],
)
def test_a_wrong_field_of_a_manifest_is_named(tmp_path: Path, change: dict[str, object], says: str) -> None:
    claimed(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({**MANIFEST, **change}))
    with pytest.raises(GistevalError, match=rf"manifest\.json is damaged or no manifest \(.*{says}"):
        RunFolder.open(tmp_path)


def test_a_wrong_field_of_results_is_named(tmp_path: Path) -> None:
    folder = claimed(tmp_path)
    row = ResultRow("t", "s", "a", "gist", None, "gist", 1, "rougeL", 5.0, 4.0, None, "percent", 2, 2, 0)
    for change, says in (
        ({"n": -1}, "n is -1"),
        ({"value": 1e999}, "value is inf"),
        ({"k": "1"}, "k is '1'"),
    ):
        content = {"signature": "", "rows": [{**asdict(row), **change}]}
        (tmp_path / "results.json").write_text(json.dumps(content))
        with pytest.raises(GistevalError, match=rf"results\.json is damaged \(rows\[0\]\.{says}"):
            folder.results()


def test_records_are_read_by_system_and_split(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    records = [RECORD, replace(RECORD, split="other", key="l"), replace(RECORD, key="m", system="b")]
    with RecordWriter(folder.generations("a")) as writer:
        writer.write(asdict(record) for record in records)
    assert list(folder.read_generations("a", "s")) == [RECORD]
    assert folder.known_keys("a", "s") == {"k"}
    assert folder.known_keys("a", "other") == {"l"}
    assert folder.known_keys("absent", "s") == set()


def test_a_run_is_read_without_its_task(tmp_path: Path) -> None:
    claimed(tmp_path)
    run = RunFolder.open(tmp_path)
    assert run.splits == ("s",)
    assert [system["name"] for system in run.systems] == ["a"]
    assert run.examples("s") == EXAMPLES["s"]
    verdict = Verdict("k", "c", "t", "s", "a", "b", "j", "main", "ab", "tie", None)
    with RecordWriter(run.verdicts("j", "a")) as writer:
        writer.write([asdict(verdict), asdict(replace(verdict, split="other"))])
    assert list(run.read_verdicts("j", "a", "s")) == [verdict]


def test_results_come_back_as_rows(tmp_path: Path) -> None:
    folder = claimed(tmp_path)
    with pytest.raises(GistevalError, match=r"has no results\.json: finish that run first"):
        folder.results()
    row = ResultRow("t", "s", "a", "gist", None, "gist", 1, "rougeL", 5.0, 4.0, None, "percent", 2, 2, 0)
    folder.write_results([row], "signature", {})
    assert folder.results() == [row]
    (tmp_path / "results.json").write_text('{"rows": [3]}')
    with pytest.raises(GistevalError, match=r"results\.json is damaged"):
        folder.results()


def test_a_folder_without_a_run_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(GistevalError, match="holds no run"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize("line", ['{"key": "k"}', '{"unknown": 1}'])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str) -> None:
    folder = RunFolder(tmp_path)
    file = folder.generations("a")
    file.parent.mkdir()
    file.write_text(json.dumps(asdict(RECORD)) + "\n" + line + "\n")
    with pytest.raises(GistevalError, match=r"a\.jsonl, line 2 is no record of this version"):
        folder.known_keys("a", "s")


def test_names_never_share_a_file(tmp_path: Path) -> None:
    splits = {split: [replace(EXAMPLES["s"][n], split=split)] for n, split in enumerate(("a b", "a_b"))}
    folder = RunFolder(tmp_path / "run")
    folder.claim({**json.loads(json.dumps(MANIFEST)), "splits": {"a b": 1, "a_b": 1}}, splits)
    assert {split: list(folder.examples(split)) for split in splits} == splits


def test_a_folder_of_version_0_1_is_read_under_its_names(tmp_path: Path) -> None:
    folder = claimed(tmp_path / "run", {**MANIFEST, "systems": [{"name": "a b", "role": "candidate"}]})
    record = replace(RECORD, system="a b")
    former = folder.path / "generations" / "a_b.jsonl"
    with RecordWriter(former) as writer:
        writer.write([asdict(record)])
    assert list(folder.read_generations("a b", "s")) == [record]
    verdicts = folder.path / "verdicts" / "my_judge--a_b.jsonl"
    verdict = Verdict("k", "p", "t", "s", "a b", "r", "my judge", "main", "ab", "a", None)
    with RecordWriter(verdicts) as writer:
        writer.write([asdict(verdict)])
    assert folder.judges_of("a b") == ("my judge",)
    assert folder.verdicts("my judge", "a b") == verdicts


@pytest.mark.parametrize("place", ["report", "generations/a.jsonl", "report/report.md.new", "results.json"])
def test_a_link_in_a_run_folder_is_refused(tmp_path: Path, place: str) -> None:
    folder = claimed(tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    link = folder.path / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GistevalError, match=rf"{link} is a link, and a run folder holds none"):
        RunFolder.open(folder.path)
    with pytest.raises(GistevalError, match="is a link"), RunFolder(folder.path).held():
        pass


def test_names_of_files_are_safe(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.generations("LLaMA-gist-1").name == "LLaMA-gist-1.jsonl"
    for name in ("../up", "a/b", "a b", "ü", ".."):
        assert folder.generations(name).parent == tmp_path / "generations"


NAMES = [("none", "full"), ("nothing", "empty"), ("gist", "gist"), (None, None)]


@pytest.mark.parametrize(("old", "now"), NAMES)
def test_compressors_of_older_folders_bear_their_present_names(old, now) -> None:
    from gisteval.records.run_folder import with_current_names

    values = {"system": "none", "compressor": old}
    assert with_current_names(values) == {"system": "none", "compressor": now}
    assert values["compressor"] == old
