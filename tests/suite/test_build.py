"""Which systems a folder stands for, and where its controls come from."""

from __future__ import annotations

import json
import shutil

import pytest

from gisteval.errors import GistevalError
from gisteval.records.budget import Budget
from gisteval.suite import SuiteOptions, build_suite


def described(suite) -> list[tuple]:
    return [(s.name, s.role, s.condition, s.control, s.compressor) for s in suite.systems]


@pytest.fixture
def copied(tiny_suite, tmp_path):
    """Copies members of the tiny suite into a folder of its own: copied("gist-1", family="other")."""

    def copy(*names: str, **changes):
        for name in names:
            shutil.copytree(tiny_suite / name, tmp_path / name)
            file = tmp_path / name / "gist.json"
            file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
        return tmp_path

    return copy


TRAINED_POSITIVE = ("tiny-pos_control-1", "positive", "pos_control", "trained", "full")
TRAINED_NEGATIVE = ("tiny-neg_control-1", "negative", "neg_control", "trained", "empty")


def test_a_suite_folder_is_its_candidates_between_its_controls(tiny_suite):
    suite = build_suite(tiny_suite, SuiteOptions())
    assert described(suite) == [
        TRAINED_POSITIVE,
        ("tiny-gist-1", "candidate", "gist", None, "gist"),
        ("tiny-gist-3", "candidate", "gist", None, "gist"),
        TRAINED_NEGATIVE,
    ]
    assert suite.notes == ()
    assert (suite.positive.name, suite.negative.name) == ("tiny-pos_control-1", "tiny-neg_control-1")


def test_a_single_checkpoint_finds_its_controls_beside_it(tiny_suite):
    suite = build_suite(tiny_suite / "gist-3", SuiteOptions())
    candidate = ("tiny-gist-3", "candidate", "gist", None, "gist")
    assert described(suite) == [TRAINED_POSITIVE, candidate, TRAINED_NEGATIVE]


def test_controls_of_another_family_are_not_taken(copied):
    copied("pos_control", "neg_control", family="other")
    suite = build_suite(copied("gist-1") / "gist-1", SuiteOptions())
    assert described(suite) == [
        ("tiny-gist-1-pos_control-untrained", "positive", "pos_control", "untrained", "full"),
        ("tiny-gist-1", "candidate", "gist", None, "gist"),
        ("tiny-gist-1-neg_control-untrained", "negative", "neg_control", "untrained", "empty"),
    ]
    assert [note.split(":")[0] for note in suite.notes] == [
        "pos_control is untrained",
        "neg_control is untrained",
    ]


def test_named_controls_come_before_those_beside(tiny_suite, copied):
    folder = copied("pos_control", family="other")
    options = SuiteOptions(pos_control=folder / "pos_control")
    suite = build_suite(tiny_suite / "gist-1", options)
    assert suite.positive.name == "other-pos_control-1"
    assert described(suite)[-1] == TRAINED_NEGATIVE


def test_a_model_that_is_the_control_itself_is_not_replaced_in_silence(tiny_suite):
    options = SuiteOptions(pos_control=tiny_suite / "pos_control", condition="pos_control")
    with pytest.raises(GistevalError, match="gist-1 is read as the pos-control itself: leave out"):
        build_suite(tiny_suite / "gist-1", options)


def test_without_a_trained_control_a_gist_checkpoint_is_read_as_a_plain_model(copied):
    folder = copied("gist-1")
    suite = build_suite(folder / "gist-1", SuiteOptions(compressors=("truncate",), budgets=(Budget(4),)))
    system = suite.systems[1]
    assert (system.name, system.condition) == ("tiny-gist-1-truncate-4", None)
    assert suite.positive.control == "untrained"
    assert any("truncate reads tiny-gist-1's own weights as those of a plain" in n for n in suite.notes)


def test_every_system_is_paired_with_the_full_prompt_of_the_weights_it_reads(tiny_suite):
    suite = build_suite(tiny_suite, SuiteOptions(compressors=("truncate",)))
    assert suite.positive.checkpoint == suite.systems[1].checkpoint
    assert (suite.positive.compressor, suite.systems[1].k) == ("full", 0)
    assert suite.evaluated == (suite.systems[1],)


@pytest.mark.parametrize("compressor", ["gist", "truncate", "empty"])
def test_every_compressor_is_refused_on_a_negative_control(tiny_suite, compressor):
    with pytest.raises(GistevalError, match=r"neg_control is a negative control, .* nothing to compress"):
        build_suite(tiny_suite / "neg_control", SuiteOptions(compressors=(compressor,)))


def test_the_full_prompt_of_a_positive_control_is_that_control(tiny_suite):
    suite = build_suite(tiny_suite / "pos_control", SuiteOptions(compressors=("full",)))
    assert [system.role for system in suite.systems] == ["positive", "negative"]
    assert suite.evaluated == (suite.positive,)


SEGMENTS = {"length": "8", "sees": "last", "numbering": "original"}
IN_SEGMENTS = "segments:length=8,sees=last"


@pytest.mark.parametrize(
    ("compressors", "name", "spec"),
    [
        ((), "tiny-gist-1-every-8-last", IN_SEGMENTS),
        (("gist",), "tiny-gist-1-every-8-last", IN_SEGMENTS),
        ((IN_SEGMENTS,), "tiny-gist-1-every-8-last", IN_SEGMENTS),
        (("gist+int8",), "tiny-gist-1-every-8-last-gist+int8", f"{IN_SEGMENTS}+int8"),
        (("segments:length=1/1",), "tiny-gist-1-every-8-last-segments:length=1/1", "segments:length=1/1"),
    ],
)
def test_gists_in_segments_are_read_as_they_were_trained(copied, compressors, name, spec):
    path = copied("gist-1", segments=SEGMENTS) / "gist-1"
    (system,) = build_suite(path, SuiteOptions(compressors=compressors)).evaluated
    assert (system.name, system.compressor, system.k) == (name, spec, 1)


def test_segments_and_gists_of_one_k_stand_in_one_suite(copied):
    copied("gist-1", segments=SEGMENTS).joinpath("gist-1").rename(copied().joinpath("segments"))
    suite = build_suite(copied("gist-1", "pos_control", "neg_control"), SuiteOptions())
    assert {system.name: system.compressor for system in suite.evaluated} == {
        "tiny-gist-1": "gist",
        "tiny-gist-1-every-8-last": IN_SEGMENTS,
    }


def test_segments_take_no_budget_and_stay_as_trained_beside_those_that_do(copied):
    path = copied("gist-1", segments=SEGMENTS) / "gist-1"
    with pytest.raises(GistevalError, match=r"trained with gists in segments, which take no budget"):
        build_suite(path, SuiteOptions(compressors=("gist",), budgets=(Budget(4),)))
    both = SuiteOptions(compressors=("gist", "knorm"), budgets=(Budget(4),))
    found = [(system.compressor, system.budget) for system in build_suite(path, both).evaluated]
    assert found == [(IN_SEGMENTS, None), ("knorm", Budget(4))]


@pytest.mark.parametrize("segments", [SEGMENTS, None])
def test_segments_of_an_encoder_decoder_are_refused_before_anything_is_loaded(t5_suite, tmp_path, segments):
    shutil.copytree(t5_suite / "gist-1", tmp_path / "gist-1")
    file = tmp_path / "gist-1" / "gist.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "segments": segments}))
    asked = () if segments else (IN_SEGMENTS,)
    with pytest.raises(GistevalError, match=r"compressor segments can't serve .* encoder-decoder"):
        build_suite(tmp_path / "gist-1", SuiteOptions(compressors=asked))


@pytest.mark.parametrize("value", ["8", {"length": "word"}, {"lengths": "8"}])
def test_a_damaged_field_of_segments_is_one_line(copied, value):
    with pytest.raises(GistevalError, match=r"gist.json: a field is missing or malformed \(segments"):
        build_suite(copied("gist-1", segments=value) / "gist-1", SuiteOptions())


def test_two_controls_of_one_kind_are_refused(copied):
    folder = copied("gist-1", "pos_control")
    shutil.copytree(folder / "pos_control", folder / "pos_control_again")
    with pytest.raises(GistevalError, match="holds two checkpoints trained as pos_control: keep one"):
        build_suite(folder, SuiteOptions())


def test_two_systems_of_one_name_are_refused(copied):
    folder = copied("gist-1")
    shutil.copytree(folder / "gist-1", folder / "gist-1-again")
    with pytest.raises(GistevalError, match="two systems have the same name"):
        build_suite(folder, SuiteOptions())


def test_an_unknown_compressor_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(GistevalError, match=r"did you mean 'truncate'\?"):
        build_suite(tmp_path / "nowhere", SuiteOptions(compressors=("trunkate",)))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nowhere", SuiteOptions(), "does not exist"),
        ("", SuiteOptions(), "holds no checkpoint"),
    ],
)
def test_a_folder_without_checkpoints_is_refused(tmp_path, name, options, message):
    with pytest.raises(GistevalError, match=message):
        build_suite(tmp_path / name, options)
