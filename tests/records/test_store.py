"""Records on disk: torn tails, damage, full disks, and replacing in one step."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import threading
import time
from pathlib import Path

import pytest
from filelock import SoftFileLock

from gisteval.errors import GistevalError
from gisteval.files.foreign import LONGEST_ROW
from gisteval.records import store
from gisteval.records.store import RecordWriter, read_records, repair, write_atomic, write_json

FULL_DISK = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL_DISK.exists(), reason="no /dev/full here")


def test_records_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "records.jsonl"
    texts = ["line\nbreak", "\u2028", "日本", "", '"quoted" \\', "\ud800"]
    with RecordWriter(path) as writer:
        writer.write({"text": text} for text in texts[:2])
        writer.write([])
    with RecordWriter(path) as writer:
        writer.write({"text": text} for text in texts[2:])
    assert [record["text"] for record in read_records(path)] == texts
    assert path.read_bytes().count(b"\n") == len(texts)


def test_a_missing_file_has_no_records(tmp_path: Path) -> None:
    assert list(read_records(tmp_path / "absent.jsonl")) == []
    assert repair(tmp_path / "absent.jsonl") == 0


def test_what_was_written_is_on_disk_before_the_writer_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    with RecordWriter(path) as writer:
        writer.write([{"key": "a"}])
        assert [record["key"] for record in read_records(path)] == ["a"]


@pytest.mark.parametrize("whole", ["", '{"key": "a"}\n', '{"key": "a"}\n{"key": "b"}\n'])
@pytest.mark.parametrize("torn", ["", '{"key"', '{"key": "c"}', "x" * 200_000])
def test_a_torn_last_line_is_not_read_and_cut_off(tmp_path: Path, whole: str, torn: str) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(whole + torn)
    assert len(list(read_records(path))) == whole.count("\n")
    assert repair(path) == len(torn)
    assert path.read_text() == whole
    with RecordWriter(path) as writer:
        writer.write([{"key": "d"}])
    assert [record["key"] for record in read_records(path)][-1] == "d"


@pytest.mark.parametrize("line", ['{"key": ', "3", '["key"]', "\x00\x00"])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(f'{{"key": "a"}}\n{line}\n{{"key": "b"}}\n')
    with pytest.raises(GistevalError, match=r"records\.jsonl, line 2 is damaged: delete that line"):
        list(read_records(path))


def test_records_are_in_regular_files_with_lines_that_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "device.jsonl").symlink_to("/dev/zero")
    for name in ("pipe.jsonl", "device.jsonl"):
        with pytest.raises(GistevalError, match=f"{name} can't be read .*no regular file"):
            list(read_records(tmp_path / name))
    with (tmp_path / "long.jsonl").open("wb") as stream:
        stream.write(b'{"key": "a"}\n')
        stream.truncate(LONGEST_ROW * 4)  # zeros that take no place on the disk
    with pytest.raises(GistevalError, match=r"long\.jsonl, line 2 is damaged"):
        list(read_records(tmp_path / "long.jsonl"))


@needs_full_disk
@pytest.mark.parametrize("number", [-(2**63) - 1, 2**64, 10**400])
def test_a_number_that_would_not_come_back_is_refused(tmp_path: Path, number: int) -> None:
    file = tmp_path / "records.jsonl"
    with RecordWriter(file) as writer:
        writer.write([{"a": 1, "text": "\ud800"}])
        with pytest.raises(GistevalError, match="can't hold a record: a is"):
            writer.write([{"a": number}])
    assert list(read_records(file)) == [{"a": 1, "text": "\ud800"}]


def test_a_full_disk_is_one_clear_error() -> None:
    message = r"no disk space left for /dev/full.*run the same command"
    with pytest.raises(GistevalError, match=message), RecordWriter(FULL_DISK) as writer:
        writer.write([{"key": "a"}])


def test_a_full_disk_while_replacing_keeps_the_old_file(tmp_path: Path, monkeypatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "results.json"
    write_atomic(path, "old")
    with monkeypatch.context() as patch:
        patch.setattr(store.os, "replace", full)
        with pytest.raises(GistevalError, match="no disk space left"):
            write_atomic(path, "new")
    assert path.read_text() == "old"
    write_atomic(path, "newer")
    assert os.listdir(tmp_path) == ["results.json"]
    assert path.read_text() == "newer"


def test_a_planted_link_is_never_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / "run" / "report.md"
    path.parent.mkdir()
    for planted in (path, path.with_name("report.md.new")):
        planted.symlink_to(victim)
        write_atomic(path, b"new")
        assert victim.read_text() == "precious"
        assert path.read_text() == "new" and not path.is_symlink()
        path.unlink()
    assert os.listdir(path.parent) == []


def test_a_lock_that_a_dead_process_left_is_named(tmp_path: Path, monkeypatch) -> None:
    # A disk without flock: filelock falls back to the mere existence of the file.
    monkeypatch.setattr("filelock.FileLock", SoftFileLock)
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / ".lock").write_text(f"process {ended.pid} on {platform.node()}")
    message = rf"\.lock was left behind by process {ended.pid}, which has ended .*delete that file"
    with pytest.raises(GistevalError, match=message), store.only_writer(tmp_path):
        pass
    (tmp_path / ".lock").write_text(f"process {os.getpid()} on {platform.node()}")
    with pytest.raises(GistevalError, match=r"is being written by .*\.lock"), store.only_writer(tmp_path):
        pass


def test_a_patient_writer_waits(tmp_path: Path) -> None:
    order = []

    def first() -> None:
        with store.only_writer(tmp_path):
            held.set()
            order.append("first")
            time.sleep(0.2)
            order.append("first ends")

    held = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    held.wait()
    with store.only_writer(tmp_path, patience=60):
        order.append("second")
    thread.join()
    assert order == ["first", "first ends", "second"]


def test_a_failed_replacement_keeps_the_old_file(tmp_path: Path, monkeypatch) -> None:
    def fail(source: Path, target: Path) -> None:
        raise OSError(5, "Input/output error")

    path = tmp_path / "results.json"
    write_atomic(path, "old")
    monkeypatch.setattr(store.os, "replace", fail)
    with pytest.raises(GistevalError, match=r"results\.json can't be written \(Input/output error\)"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["results.json"]


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "generations.jsonl"
    with pytest.raises(GistevalError, match=r"generations\.jsonl can't be written"):
        RecordWriter(path)
    with pytest.raises(GistevalError, match=r"generations\.jsonl can't be written"):
        write_atomic(path, "text")


def test_json_is_strict(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"text": "日本", "none": None})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "text": "日本",\n "none": null\n}\n'
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"value": float("nan")})
    assert "日本" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_json_with_a_byte_of_a_path_that_is_no_text_can_be_read_back(tmp_path):
    content = {"output": os.fsdecode(b"/runs/\xff"), "name": "é"}
    write_json(tmp_path / "manifest.json", content)
    assert json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8")) == content
