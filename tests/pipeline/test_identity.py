"""A record's key changes with all that can change the record, and with nothing else."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace
from pathlib import Path

import pytest

from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.pipeline.identity import GenerationIdentity, signature
from gisteval.prompts import Template
from gisteval.records.budget import Budget
from gisteval.records.schema import Example, record_key

IDENTITY = GenerationIdentity(
    template=Template().to_dict(),
    compressor="gist",
    budget=None,
    condition="gist",
    k=1,
    leak_window=0,
    weights="w",
    tokenizer="t",
    max_new_tokens=24,
    dtype="float32",
    seed=0,
)
OTHER = {
    "template": {**Template().to_dict(), "target": "{output}"},
    "compressor": "full",
    "budget": Budget(1),
    "condition": None,
    "k": 2,
    "leak_window": 1,
    "weights": "x",
    "tokenizer": "u",
    "max_new_tokens": 25,
    "dtype": "bfloat16",
    "seed": 1,
    "quantize": "int8",
    "compressor_version": 2,
    "thinking": "strip:<think>:</think>",
    "settings": "window=4",
    "helpers": {"model": "digest"},
    "temperature": 0.7,
}
EXAMPLE = Example("id", "task", "split", "instruction", "input", "output")


def test_every_field_has_another_value() -> None:
    assert set(OTHER) == {field.name for field in fields(GenerationIdentity)}


@pytest.mark.parametrize("name", OTHER)
def test_each_setting_changes_the_key(name: str) -> None:
    changed = replace(IDENTITY, **{name: OTHER[name]})
    assert record_key(changed.prefix(), EXAMPLE) != record_key(IDENTITY.prefix(), EXAMPLE)
    assert changed.prefix() != IDENTITY.prefix()


@pytest.mark.parametrize(
    ("compressor", "budget", "version", "key"),
    [
        ("gist", None, 1, "1ffa9618f0811158cb02c9d21b0b9933"),
        ("gist", Budget(5), 1, "462ea933a49b2f01a2ac15ec933b4157"),
        ("full", None, 1, "ccf496d404f220b43456c07dabbcc98e"),
        ("empty", None, 1, "4ebe3bd4c9c90961caa56fc62669388e"),
        ("truncate", Budget(8), 2, "9d89c65247ca41cb5b41c435290a01bc"),
    ],
)
def test_keys_are_those_of_the_first_release(compressor, budget, version, key) -> None:
    """Digests that were made before compressors had settings, and when two had other names."""
    made = replace(IDENTITY, compressor=compressor, budget=budget, compressor_version=version)
    assert made.prefix() == key


def test_each_part_of_the_template_changes_the_key() -> None:
    for part in Template().to_dict():
        template = {**Template().to_dict(), part: Template().to_dict()[part] + "."}
        changed = replace(IDENTITY, template=template)
        assert record_key(changed.prefix(), EXAMPLE) != record_key(IDENTITY.prefix(), EXAMPLE)


def test_content_changes_the_key_and_names_do_not() -> None:
    key = record_key(IDENTITY.prefix(), EXAMPLE)
    for field in fields(Example):
        value = 1 if field.name in ("copy", "sample") else "other"
        changed = record_key(IDENTITY.prefix(), replace(EXAMPLE, **{field.name: value}))
        content = ("instruction", "input", "output", "copy", "choices", "sample")
        assert (changed != key) == (field.name in content), field.name
    moved = replace(EXAMPLE, instruction="instructioni", input="nput")
    assert record_key(IDENTITY.prefix(), moved) != key


def test_neighbouring_fields_do_not_run_together() -> None:
    first = replace(IDENTITY, weights="ab", tokenizer="c")
    assert first.prefix() != replace(IDENTITY, weights="a", tokenizer="bc").prefix()


def test_order_of_the_template_is_no_matter() -> None:
    turned = dict(reversed(IDENTITY.template.items()))
    assert replace(IDENTITY, template=turned).prefix() == IDENTITY.prefix()


@pytest.mark.parametrize(
    "file", ["model.safetensors", "config.json", "generation_config.json", "tokenizer.json"]
)
def test_each_file_of_a_checkpoint_counts(tmp_path: Path, tiny_suite: Path, file: str) -> None:
    copy = tmp_path / "gist-1"
    shutil.copytree(tiny_suite / "gist-1", copy)

    def digests() -> tuple[str, str]:
        checkpoint = inspect_checkpoint(copy)
        return checkpoint.weights_digest(), checkpoint.tokenizer_digest()

    before = digests()
    assert digests() == before
    content = (copy / file).read_bytes()
    flipped = bytes([content[-1] ^ 1]) if file.endswith("safetensors") else content[-1:] + b" "
    (copy / file).write_bytes(content[:-1] + flipped)
    assert digests() != before


def test_signature_reads_as_a_recipe() -> None:
    assert signature({"task": "small-v1", "seed": 0}) == "task:small-v1|seed:0"
