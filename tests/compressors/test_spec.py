"""The text of a compressor: read, printed and refused in one place."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gisteval.compressors.full import Full
from gisteval.compressors.spec import CompressorSpec, build_compressor, settings_of
from gisteval.errors import GistevalError
from gisteval.registry import COMPRESSORS, current_spec, split_specs


@dataclass(frozen=True)
class Adjustable(Full):
    """Keeps the whole prompt, with a setting of every kind."""

    name = "adjustable"

    window: int = 32
    rate: float = 0.5
    sorted: bool = False
    unit: str = "word"

    def __post_init__(self) -> None:
        if self.window < 1:
            raise GistevalError(f"compressor adjustable: window must be at least 1, not {self.window}")


@pytest.fixture(autouse=True)
def adjustable(monkeypatch):
    references = {**COMPRESSORS.references(), "adjustable": f"{__name__}:Adjustable"}
    monkeypatch.setattr(COMPRESSORS, "references", lambda: references)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("adjustable", "adjustable"),
        ("adjustable:window=32", "adjustable"),
        ("adjustable: window = 4 , rate = 0.25", "adjustable:rate=0.25,window=4"),
        ("adjustable:unit=token,sorted=true,rate=1", "adjustable:rate=1.0,sorted=true,unit=token"),
        ("adjustable:sorted=False", "adjustable"),
        ("none", "full"),
        ("nothing", "empty"),
        ("gist", "gist"),
        ("none+int4", "full+int4"),
        ("adjustable:window=32+int4:group=32", "adjustable+int4"),
        ("adjustable : rate = 1e+2 + int4 : group = 64", "adjustable:rate=100.0+int4:group=64"),
        ("adjustable:unit=a+b", "adjustable:unit=a+b"),
    ],
)
def test_a_spec_is_printed_in_its_canonical_form(text, canonical):
    spec = CompressorSpec.parse(text)
    assert str(spec) == canonical
    assert CompressorSpec.parse(canonical) == spec
    assert CompressorSpec.of(spec.build()) == spec


def test_a_spec_builds_its_compressor():
    assert build_compressor("adjustable:window=7,sorted=true") == Adjustable(window=7, sorted=True)


def test_settings_may_be_given_apart_from_the_text():
    """As lm-eval does, which cuts at commas and reads numbers itself."""
    spec = CompressorSpec.parse("adjustable:window=4", {"rate": 0.25, "sorted": True})
    assert str(spec) == "adjustable:rate=0.25,sorted=true,window=4"
    with pytest.raises(GistevalError, match="'window' is given twice"):
        CompressorSpec.parse("adjustable:window=4", {"window": 5})


def test_what_goes_around_a_compressor_takes_over_what_is_said_of_it():
    """Weights are the gist checkpoint's or the positive control's, which is all that it decides itself."""
    around = {text: build_compressor(text) for text in ("gist+int4", "full+int4", "knorm+int8:group=8")}
    assert [method.name for method in around.values()] == ["gist+int4", "full+int4", "knorm+int8"]
    assert [method.reads for method in around.values()] == ["own", "full", "full"]
    assert [method.needs_gists for method in around.values()] == [True, False, False]
    assert [method.takes_budget for method in around.values()] == [True, False, True]
    assert {*(method.architectures for method in around.values())} == {frozenset(("decoder-only",))}
    spec = CompressorSpec.parse("adjustable:window=4+int8:group=8")
    assert spec.settings_text == "window=4+group=8"
    assert CompressorSpec.parse("knorm+int8:group=8").settings_text == "+group=8"
    assert CompressorSpec.parse("knorm+int8").settings_text == ""


def test_all_settings_are_listed_with_their_defaults():
    expected = {"window": "32", "rate": "0.5", "sorted": "false", "unit": "word"}
    assert settings_of("adjustable:window=4") == expected
    assert settings_of("none") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("adjustabel:window=4", "compressor 'adjustabel' is unknown (did you mean 'adjustable'?)"),
        ("adjustable:windov=4", "no setting 'windov' (did you mean 'window'?): choose from window, rate"),
        ("gist:window=4", "compressor gist has no setting 'window': it has none"),
        ("adjustable:window=4.5", "'window' must be a whole number, not '4.5'"),
        ("adjustable:rate=inf", "'rate' must be a number, not 'inf'"),
        ("adjustable:sorted=1", "'sorted' must be true or false, not '1'"),
        ("adjustable:unit=", "'unit' must be text, not ''"),
        ("adjustable:window", "'window' is no setting, write adjustable:setting=value"),
        ("adjustable:", "'' is no setting"),
        ("adjustable:window=4,window=5", "setting 'window' is given twice"),
        ("adjustable:window=0", "window must be at least 1, not 0"),
        ("", "compressor '' is unknown"),
        ("int4", "compressor 'int4' goes around another one: write full+int4"),
        ("adjustable+int5", "behind a plus 'int5' is unknown (did you mean 'int8'?)"),
        ("adjustable+", "behind a plus '' is unknown"),
        ("adjustable+int4:window=4", "compressor int4 has no setting 'window': choose from group"),
        ("adjustable+int4:group=0", "compressor adjustable+int4: group must be at least 1, not 0"),
        ("adjustable+int4:inner=full", "compressor int4 has no setting 'inner'"),
        ("truncate+int4", "truncate keeps no states"),
        ("full+int4+int8", "few bits already"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(text, said):
    with pytest.raises(GistevalError) as error:
        CompressorSpec.parse(text)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("gist", ["gist"]),
        ("gist,truncate", ["gist", "truncate"]),
        ("a:window=4,kernel=7,b:rate=0.5,c", ["a:window=4,kernel=7", "b:rate=0.5", "c"]),
        ("a:window=4+b:x=1,y=2,c+d,e", ["a:window=4+b:x=1,y=2", "c+d", "e"]),
        ("a:window=4,b,c:x=1", ["a:window=4", "b", "c:x=1"]),
        ("a,window=4", ["a", "window=4"]),  # no setting of a, so a compressor that is unknown
    ],
)
def test_specs_and_settings_are_both_separated_by_commas(text, specs):
    assert split_specs(text) == specs


def test_records_of_before_are_read_by_the_present_names():
    assert [current_spec(name) for name in ("none", "nothing", "gist", "snapkv:window=4")] == [
        *("full", "empty", "gist", "snapkv:window=4")
    ]
