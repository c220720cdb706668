"""Recipes: what is refused names its field, and `extends` is read first."""

from __future__ import annotations

import pytest

from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.segmentation import Segmentation
from gisteval.training.recipe import build_recipe, load_recipe

VALID = {"task": "tiny", "family": "tiny", "condition": "gist", "steps": 3, "scratch": {"layers": 2}}


def test_segments_are_read_as_a_compressor_reads_them():
    recipe = build_recipe({**VALID, "segments": {"length": 8, "sees": "last"}}, "test")
    assert recipe.rule.segments == Segmentation("8", "last")
    given = build_recipe(VALID, "test").model_dump(exclude_none=True)
    assert given.keys().isdisjoint({"segments", "spans", "trainable"})


def test_defaults_of_a_short_recipe():
    recipe = build_recipe(VALID, "test")
    assert (recipe.k, recipe.split, recipe.leak_window, recipe.base) == (1, "train", 0, None)
    assert (recipe.scratch.layers, recipe.scratch.heads) == (2, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"condition": "gists"}, "condition: Input should be 'gist', 'pos_control' or 'neg_control'"),
        ({"k": 0}, "k: Input should be greater than or equal to 1"),
        ({"steps": None}, "steps: "),
        ({"stepz": 5}, "stepz: Extra inputs are not permitted"),
        ({"scratch": {"layer": 2}}, "scratch.layer: Extra inputs are not permitted"),
        ({"learning_rate": 0}, "learning_rate: Input should be greater than 0"),
        ({"warmup": 1.0}, "warmup: Input should be less than 1"),
        ({"save_dtype": "int8"}, "save_dtype: "),
        ({"base": "some/model"}, "recipe: give either base"),
        ({"scratch": None}, "recipe: give either base"),
        ({"lora": {"r": 4}}, "recipe: lora, redraw and chat_template need a base"),
        (
            {"lora": {"r": 4}, "base": "some/model", "scratch": None, "optimizer": "muon"},
            "recipe: lora adapters are trained with adamw",
        ),
        (
            {"trainable": "gist_embedding", "condition": "neg_control"},
            "recipe: trainable gist_embedding is for condition gist",
        ),
        ({"trainable": "gist_embedding"}, "recipe: trainable gist_embedding needs a base and adamw"),
        (
            {"trainable": "gist_embedding", "lora": {}, "base": "some/model", "scratch": None},
            "recipe: trainable gist_embedding needs a base and adamw, and goes with neither lora nor",
        ),
        ({"spans": {"follows": 1}}, "spans.follows: Input should be greater than or equal to 2"),
        ({"spans": {}, "pack": 4}, "recipe: spans have one continuation each (pack: 1)"),
        ({"segments": {"length": "word"}}, "segments: length must be a number of tokens"),
        ({"segments": {"sees": "all"}}, "segments.sees: Input should be 'gists', 'last'"),
        ({"segments": {}, "condition": "pos_control"}, "recipe: segments are for condition gist"),
        ({"segments": {}, "leak_window": 1}, "recipe: segments are for condition gist, and nothing leaks"),
    ],
)
def test_an_error_names_the_source_and_the_field(changes, message):
    with pytest.raises(GistevalError) as caught:
        build_recipe({**VALID, **changes}, "here.yaml")
    assert str(caught.value).startswith(f"here.yaml: {message}")


def test_a_missing_field_is_named():
    with pytest.raises(GistevalError, match=r"here\.yaml: family: Field required"):
        build_recipe({name: value for name, value in VALID.items() if name != "family"}, "here.yaml")


def test_a_recipe_extends_another_and_overrides_come_last(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "common.yaml").write_text(
        "task: tiny\nfamily: tiny\nsteps: 3\nseed: 1\ncondition: gist\nscratch: {layers: 2}\n"
    )
    (tmp_path / "sub" / "middle.yaml").write_text("extends: ../common.yaml\nseed: 2\nk: 5\n")
    (tmp_path / "sub" / "last.yaml").write_text("extends: middle.yaml\ncondition: neg_control\n")
    with pytest.raises(GistevalError, match=r"middle\.yaml: extends: .*common\.yaml.* --allow-outside"):
        load_recipe(tmp_path / "sub" / "last.yaml", {})
    recipe = load_recipe(tmp_path / "sub" / "last.yaml", {"steps": 9}, allow_outside=True)
    assert (recipe.condition, recipe.k, recipe.seed, recipe.steps) == ("neg_control", 5, 2, 9)
    assert recipe == build_recipe(
        {**VALID, "condition": "neg_control", "k": 5, "seed": 2, "steps": 9}, "test"
    )


def test_what_a_recipe_extends_lies_in_its_folder_or_below(tmp_path):
    folder = tmp_path / "recipes"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("seed: 7\n")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "sub" / "common.yaml").write_text("seed: 3\n")
    (folder / "last.yaml").write_text("extends: sub/common.yaml\n")
    assert load_recipe(folder / "last.yaml", VALID).seed == 3
    (folder / "circle.yaml").symlink_to(folder / "circle.yaml")
    with pytest.raises(GistevalError, match=r"circle\.yaml can't be read"):
        load_recipe(folder / "circle.yaml", VALID)
    for name in ("../secret.yaml", str(tmp_path / "secret.yaml"), "link.yaml"):
        (folder / "last.yaml").write_text(f"extends: {name}\n")
        with pytest.raises(GistevalError, match=r"last\.yaml: extends: .* --allow-outside"):
            load_recipe(folder / "last.yaml", VALID)
        assert load_recipe(folder / "last.yaml", VALID, allow_outside=True).seed == 7


@pytest.mark.parametrize("recipe", sorted(find_content("checkpoints").glob("*/*.yaml")))
def test_the_bundled_recipes_extend_only_their_neighbours(recipe):
    fields = {"condition": "gist"} if recipe.stem == "common" else {}
    assert load_recipe(recipe, fields).family


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "must be a YAML mapping"),
        ("task: [", "can't be read"),
        ("extends: nowhere.yaml\n", r"nowhere\.yaml can't be read"),
        ("extends: here.yaml\n", "extends itself"),
    ],
)
def test_files_that_are_no_recipe(tmp_path, text, message):
    (tmp_path / "here.yaml").write_text(text)
    with pytest.raises(GistevalError, match=message):
        load_recipe(tmp_path / "here.yaml", {})


@pytest.mark.parametrize(
    "wrong",
    [
        *({"learning_rate": float(value)} for value in ("inf", "nan")),
        *({"clip": float("inf")}, {"k": 10**9}, {"lora": {"r": 0}}, {"lora": {"dropout": 2.0}}),
        *({"scratch": {"heads": value}} for value in (0, -1, 10**12)),
        *({"scratch": {"layers": value}} for value in (0, -1, 10**12)),
        *({"scratch": {"hidden_size": value}} for value in (0, -4, 10**12)),
    ],
)
def test_numbers_that_no_training_can_use(wrong: dict[str, object]) -> None:
    start = {} if "scratch" in wrong else {"base": "b"}
    sound = {"task": "wordplay", "condition": "gist", "family": "f", "steps": 1}
    with pytest.raises(GistevalError, match=r"^r\.yaml: "):
        build_recipe({**sound, **start, **wrong}, "r.yaml")
