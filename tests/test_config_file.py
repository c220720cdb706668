"""Configuration files: types, defaults, flags over the file, and one line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.config import RunConfig
from gisteval.config_file import read_config
from gisteval.errors import GistevalError


def written(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_given_is_the_default() -> None:
    assert read_config(None, {}) == RunConfig()


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "models: [a, b]\nsplits: seen, human\ncompressors: [truncate]\nlimit: 5\nbatch_size: 4\n"
        "max-new-tokens: 7\nseed: 3\nallow_pickle: true\noutput: here\nk: null\n",
    )
    config = read_config(path, {"limit": 9, "splits": "unseen"})
    assert config == RunConfig(
        models=("a", "b"),
        splits=("unseen",),
        compressors=("truncate",),
        limit=9,
        batch_size="4",
        max_new_tokens=7,
        seed=3,
        allow_pickle=True,
        output="here",
    )
    assert read_config(path, {}).splits == ("seen", "human")
    assert config.rows_per_batch() == 4
    assert RunConfig().rows_per_batch() is None


def test_names_of_flags_and_paths_are_understood(tmp_path: Path) -> None:
    path = written(tmp_path, "model: a,b\nsplit: human\ncompressor: none\n")
    config = read_config(path, {"output": tmp_path, "pos_control": Path("pos"), "k": None})
    assert (config.models, config.splits, config.compressors) == (("a,b",), ("human",), ("none",))
    assert (config.output, config.pos_control) == (str(tmp_path), "pos")
    assert read_config(None, {"model": [Path("a"), "b"]}).models == ("a", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limit: [1", "can't be read"),
        ("just text", "must be a YAML mapping"),
        ("", "must be a YAML mapping"),
        ("limt: 5", "unknown field 'limt' .did you mean 'limit'"),
        ("3: 5", "unknown field '3'"),
        ("limit: ten", "'limit' must be a whole number, not 'ten'"),
        ("limit: 2.5", "'limit' must be a whole number, not 2.5"),
        ("limit: true", "'limit' must be a whole number, not True"),
        ("seed: '3'", "'seed' must be a whole number, not '3'"),
        ("task: 3", "'task' must be text, not 3"),
        ("device: [cpu]", "'device' must be text"),
        ("allow_pickle: 1", "'allow_pickle' must be true or false, not 1"),
        ("models: {a: b}", "'models' must be a list of texts"),
        ("splits: [seen, 3]", "'splits' must be a list of texts, but holds 3"),
        ("splits: 'seen,,human'", "'splits' must be a list of texts, but holds ''"),
        ("model: a\nmodels: b", "'models' is given twice"),
        ("batch_size: many", "batch-size must be auto or a positive number, not 'many'"),
        ("batch_size: 0", "batch-size must be auto"),
        ("limit: 0", "limit must be at least 1, not 0"),
        ("budget: -1", "budget must be at least 1"),
        ("budget: [16, 0%]", "budget must be a share above 0%"),
        ("budget: half", "budget 'half' is neither a number of slots"),
        ("budget: 0.25", "'budgets' must be a list of texts, not 0.25"),
        ("budget: 16\nbudgets: 8", "'budgets' is given twice"),
        ("max_new_tokens: 0", "max-new-tokens must be at least 1"),
        ("seed: -1", "seed must be at least 0, not -1"),
        ("condition: gits", "condition 'gits' is unknown: choose from gist"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(GistevalError, match=message) as caught:
        read_config(path, {})
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_files_that_can_not_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(GistevalError, match=r"absent\.yaml can't be read"):
        read_config(tmp_path / "absent.yaml", {})
    (tmp_path / "latin.yaml").write_bytes("task: café".encode("latin-1"))
    with pytest.raises(GistevalError, match=r"latin\.yaml can't be read"):
        read_config(tmp_path / "latin.yaml", {})


def test_unknown_options_of_a_caller_are_named() -> None:
    with pytest.raises(GistevalError, match=r"unknown field 'batch' .did you mean 'batch_size'"):
        read_config(None, {"batch": 3})
    with pytest.raises(GistevalError, match="field 'limit' must be a whole number"):
        read_config(None, {"limit": "5"})


@pytest.mark.parametrize(
    ("text", "budgets"),
    [
        ("budget: 16", ("16",)),
        ("budget: 25%", ("25%",)),
        ("budget: [16, 25%]", ("16", "25%")),
        ("budget: 16,25%", ("16", "25%")),
        ("budgets: [8]", ("8",)),
        ("budget:", ()),
    ],
)
def test_budgets_are_numbers_shares_or_several(tmp_path: Path, text: str, budgets: tuple[str, ...]) -> None:
    assert read_config(written(tmp_path, text), {}).budgets == budgets
    assert read_config(written(tmp_path, text), {"budget": ["4", "5,6"]}).budgets == ("4", "5", "6")


def test_settings_of_a_compressor_stay_with_it() -> None:
    given = {"compressor": ["snapkv:window=32,kernel=7,knorm", "truncate"]}
    assert read_config(None, given).compressors == ("snapkv:window=32,kernel=7", "knorm", "truncate")
