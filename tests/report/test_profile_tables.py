"""Tables of a profile, from plain content."""

from __future__ import annotations

from profile_content import WAYS, profile_content

from gisteval.records.profile_facts import ModelProfile
from gisteval.report.profile import profile_text
from gisteval.report.profile_tables import tables


def test_the_tables_say_what_was_not_shown():
    profile = ModelProfile.from_json(profile_content())
    found = {table.name: table for table in tables(profile)}
    assert [row[-1] for row in found["savings-batch-1"].rows] == ["yes", "not shown", "slower"]
    assert found["break-even-batch-1"].rows[0][3:] == ("from about 4 uses", "2 to never", "never", "75.0%")
    assert [row[0] for row in found["time-batch-1"].rows] == list(WAYS)
    assert found["storage"].rows[0][-3:] == ("156,250,000", "2.000", "256 kB/s")
    assert "2.000 [1.800, 2.300]" in profile_text(profile)
