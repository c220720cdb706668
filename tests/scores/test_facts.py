"""What scoring reads from manifests, old and new."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from run_folders import claim_run, make_system

from gisteval.records.schema import Example
from gisteval.scores.facts import asked, may_lack_splits, negatives

SYSTEMS = [
    make_system("a-pos", "positive", reference="a-pos"),
    make_system("a-gist-1", reference="a-pos"),
    make_system("a-neg", "negative", reference="a-pos"),
    make_system("b-pos", "positive", reference="b-pos"),
    make_system("b-gist-1", reference="b-pos"),
    make_system("alone"),
]
EXAMPLES = tuple(Example(str(n), "t", "s", f"say {n}", "", "o") for n in range(5))


def test_older_manifests_have_the_negative_control_beside_the_same_positive_one(tmp_path: Path) -> None:
    found = negatives(claim_run(tmp_path / "old", {"s": EXAMPLES}, SYSTEMS))
    assert {name: found.get(name) for name in ("a-gist-1", "a-pos")} == {
        "a-gist-1": "a-neg",
        "a-pos": "a-neg",
    }
    assert not {"b-gist-1", "b-pos", "alone"} & set(found)
    other = make_system("a-neg-untrained", "negative", reference="a-pos")
    named = [replace(s, negative=other.name) if s.name == "a-gist-1" else s for s in (*SYSTEMS, other)]
    new = negatives(claim_run(tmp_path / "new", {"s": EXAMPLES}, named))
    assert (new["a-gist-1"], new["a-pos"]) == ("a-neg-untrained", "a-neg")


@pytest.mark.parametrize("own", [None, {}, {"a-gist-1": {"s": (EXAMPLES[1].content_id,)}}])
def test_only_an_import_may_have_asked_less_than_everything(tmp_path: Path, own) -> None:
    folder = claim_run(tmp_path / "run", {"s": EXAMPLES}, SYSTEMS, not_asked=own)
    left = [example for n, example in enumerate(EXAMPLES) if not own or n != 1]
    assert list(asked(folder, "a-gist-1", "s")) == left
    assert asked(folder, "a-pos", "s") == EXAMPLES
    assert may_lack_splits(folder) == (own is not None)
