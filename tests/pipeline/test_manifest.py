"""What makes two runs the same before anything is computed."""

from __future__ import annotations

import json
from dataclasses import replace

from run_folders import make_system

from gisteval.pipeline.manifest import build_identity, build_manifest
from gisteval.records.manifest import Manifest
from gisteval.records.schema import Example

FIRST, SECOND = (Example(f"e{n}", "t", "test", f"say {n}", "", f"yes {n}") for n in range(2))


def test_the_content_of_examples_counts_and_their_names_do_not() -> None:
    known = build_identity("t", {"test": [FIRST, SECOND]}, {"gist-1": "a"})
    renamed = [replace(FIRST, id="another"), SECOND]
    assert build_identity("t", {"test": renamed}, {"gist-1": "a"}) == known
    others = [
        build_identity("t", {"test": [replace(FIRST, output="no"), SECOND]}, {"gist-1": "a"}),
        build_identity("t", {"test": [FIRST]}, {"gist-1": "a"}),
        build_identity("t", {"seen": [FIRST, SECOND]}, {"gist-1": "a"}),
        build_identity("t", {"test": [FIRST, SECOND]}, {"gist-1": "b"}),
        build_identity("u", {"test": [FIRST, SECOND]}, {"gist-1": "a"}),
    ]
    assert known not in others


def test_a_manifest_is_read_as_it_was_written() -> None:
    examples = {"test": [FIRST, SECOND], "seen": [FIRST]}
    identity = build_identity("t", examples, {"gist-1": "a"})
    made = build_manifest(
        identity, examples, [make_system("gist-1")], ["gisteval", "run"], "cpu", "float32"
    )
    assert made.splits == {"test": 2, "seen": 1}
    assert not made.self_check and not made.judges
    assert Manifest.from_json(json.loads(json.dumps(made.to_json()))) == made
