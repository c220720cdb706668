"""A run's folder: whose it is, and reading back what was written."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from run_folders import claim_run, make_system

from gisteval.errors import GistevalError
from gisteval.records.manifest import Identity, SelfCheckFacts
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, Generation, Verdict
from gisteval.records.store import RecordWriter

IDENTITY = Identity("t", systems={"a": "1"})
EXAMPLES = {"s": (Example("1", "t", "s", "say ü", "", "ü"), Example("2", "t", "s", "say \ud800", "x", "y"))}
RECORD = Generation(
    "k", "e", "c", "t", "s", "a", "gist", None, "gist", 1, "out", 1, True, 9, 3, 1, 64, 1.5, 2
)


def claimed(path: Path, name: str = "a", **changes: object) -> RunFolder:
    return claim_run(path, EXAMPLES, [make_system(name)], **{"identity": IDENTITY, **changes})


def test_a_new_folder_is_claimed_and_continued(tmp_path: Path) -> None:
    folder = claimed(tmp_path / "new" / "run", command=("first",))
    check = SelfCheckFacts(examples=6, tokens=9, max_nll_difference=1e-5, greedy_mismatches=0)
    folder.note_self_check("a", check)
    again = claimed(folder.path, command=("second",))
    assert again.manifest().self_check == {"a": check}
    assert json.loads((folder.path / "manifest.json").read_text())["command"] == ["second"]
    (tmp_path / "empty").mkdir()
    claimed(tmp_path / "empty")


def test_the_folder_of_another_run_is_refused_and_left_alone(tmp_path: Path) -> None:
    claimed(tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    other = replace(IDENTITY, systems={"a": "2"})
    with pytest.raises(GistevalError, match=r"holds another run \(its systems differ\): choose another"):
        claimed(tmp_path, identity=other)
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
    assert [system.name for system in run.systems] == ["a"]
    assert run.examples("s") == EXAMPLES["s"]
    verdict = Verdict("k", "c", "t", "s", "a", "b", "j", "main", "ab", "tie", None)
    with RecordWriter(run.verdicts("j", "a")) as writer:
        writer.write([asdict(verdict), asdict(replace(verdict, split="other"))])
    assert list(run.read_verdicts("j", "a", "s")) == [verdict]


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
    folder = claim_run(tmp_path / "run", splits, [make_system("a")])
    assert {split: list(folder.examples(split)) for split in splits} == splits


def test_a_folder_of_version_0_1_is_read_under_its_names(tmp_path: Path) -> None:
    folder = claimed(tmp_path / "run", "a b")
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
