"""Names of files: safe, readable, and never shared by two names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.files.names import LONGEST, MARK, SEPARATOR, checked_name, file_name, readable_name

NAMES = st.text(alphabet=st.sampled_from("aB0._+-~ /\\:\n\0=é日\ud800"), max_size=12)


@pytest.mark.parametrize("name", ["seen", "gist-1", "LLaMA-7B_v2.1", "a+b", "0"])
def test_a_plain_name_stays_as_it_is(name: str) -> None:
    assert file_name(name) == name


@given(NAMES, NAMES)
def test_two_names_never_share_a_file(one: str, other: str) -> None:
    assert (file_name(one) == file_name(other)) == (one == other)


@given(NAMES, NAMES, NAMES, NAMES)
def test_nor_do_two_pairs(a: str, b: str, c: str, d: str) -> None:
    one, other = (SEPARATOR.join(map(file_name, pair)) for pair in ((a, b), (c, d)))
    assert (one == other) == ((a, b) == (c, d))


@given(st.text(max_size=400))
def test_every_name_is_safe(name: str) -> None:
    found = file_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_+~][A-Za-z0-9._+~-]*", found)
    assert len(found) <= LONGEST + 13


def test_what_is_kept_of_a_name_can_be_read() -> None:
    assert re.fullmatch(r"a_b~[0-9a-f]{12}", file_name("a b"))
    assert re.fullmatch(r"_.._x~[0-9a-f]{12}", file_name("../../x"))
    assert MARK not in readable_name("a~b")


@pytest.mark.parametrize(
    "name", ["", "  ", "a\nb", "../up", "a\\b", "\x1b[31mred", "a\u202eb", "\ud800", "x" * 201]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="is no name: give 1 to 200 printable characters"):
        checked_name(name)


@pytest.mark.parametrize("name", ["seen", "LLaMA 7B", "日本語", "=1+1", "a.b-c"])
def test_what_is_one(name: str) -> None:
    assert checked_name(name) == name
