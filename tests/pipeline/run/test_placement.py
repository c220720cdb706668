"""Device maps and quantisation in runs: recorded, and of the identity if they change results."""

from __future__ import annotations

import json

import pytest

import gisteval
from gisteval.errors import GistevalError
from gisteval.records.manifest import read_manifest


def manifest(folder) -> dict:
    return json.loads((folder / "manifest.json").read_text())


@pytest.fixture(scope="module")
def plain(tiny_suite, tiny_task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("placed") / "plain"
    gisteval.run(model=tiny_suite / "gist-1", task=tiny_task, output=folder, judge="none")
    return folder


def test_a_device_map_is_recorded_and_changes_no_record(plain, tiny_suite, tiny_task, tmp_path, records):
    (tmp_path / "map.json").write_text('{"": "disk"}')
    run = gisteval.run(
        model=tiny_suite / "gist-1",
        task=tiny_task,
        output=tmp_path / "run",
        judge="none",
        device_map=str(tmp_path / "map.json"),
    )
    found = manifest(run.folder)
    assert found["device_map"] == {"": "disk"} and found["quantize"] is None
    assert read_manifest(run.folder / "manifest.json").device_map == {"": "disk"}
    assert found["identity"] == manifest(plain)["identity"]
    assert records(run.folder).keys() == records(plain).keys()


def test_quantisation_is_recorded_and_of_the_identity(plain, tiny_suite, tiny_task, tmp_path):
    pytest.importorskip("bitsandbytes", reason="the extra 'quantized' is not installed")
    run = gisteval.run(
        model=tiny_suite / "gist-1", task=tiny_task, output=tmp_path, judge="none", quantize="int8"
    )
    found = manifest(run.folder)
    assert found["quantize"] == "int8" and found["versions"]["bitsandbytes"] != "absent"
    assert found["identity"] != manifest(plain)["identity"]
    with pytest.raises(GistevalError):
        gisteval.run(model=tiny_suite / "gist-1", task=tiny_task, output=tmp_path, judge="none")
