"""report.html as text: what is in it, and that no text can leave its place."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from gisteval.records.run_folder import RunFolder
from gisteval.report.claims import findings
from gisteval.report.data import read_runs
from gisteval.report.figures import RunFigure
from gisteval.report.layout import Table
from gisteval.report.page import PageContent, cell, gallery_rows, page_html, word_columns
from gisteval.report.page_data import embedded_json
from gisteval.report.samples import collect_samples


class Elements(HTMLParser):
    """The page's tags and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.raw: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.raw.append(data)


def html(run, tables=(), figures=()) -> str:
    data = read_runs([run])
    samples = collect_samples(data)
    return page_html(PageContent(data, findings(data.rows, samples, ()), tables, figures, samples))


any_text = st.text(st.characters(exclude_categories=()))  # lone surrogates as well
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | any_text
    | st.sampled_from(["</script>", "<!--", "\u2028]]>"]),
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
)


@given(values)
def test_embedded_json_is_json_and_ends_nothing(value) -> None:
    text = embedded_json(value)
    assert json.loads(text) == value
    assert not re.search("[<>&\u2028\u2029]", text)
    text.encode("utf-8")


def test_the_policy_lets_run_what_was_built_in_and_nothing_else(small_run) -> None:
    text = html(small_run)
    found = Elements(text)
    (policy,) = [
        attributes["content"]
        for tag, attributes in found.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    style = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
    for kind, content in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    assert not [tag for tag, attributes in found.tags if any(name.startswith("on") for name in attributes)]
    assert not [tag for tag, attributes in found.tags if "style" in attributes]
    addresses = [
        value
        for _, attributes in found.tags
        for name, value in attributes.items()
        if name in ("src", "href")
    ]
    assert addresses and all(address.startswith(("#", "data:")) for address in addresses)


def test_names_and_notes_are_escaped(small_run) -> None:
    table = Table("t", "<i>title</i>", ("a & b",), (("<b>cell</b> [1, <i>]",),), "<u>note</u>")
    text = html(small_run, [table])
    for raw in ("<i>title", "<b>cell", "<u>note", "<b>note", "a & b"):
        assert raw not in text
    assert "a &lt;b&gt;note&lt;/b&gt;" in text


def figure(name: str) -> RunFigure:
    return RunFigure(name, f"title of {name}", "", "<svg/>", "<svg/>")


def test_a_comparison_of_compressors_opens_on_the_frontier(small_run) -> None:
    names = ["frontier-resident-rougeL-pos", "frontier-rougeL-pos", "frontier-exact_match-pos", "pareto"]
    text = html(small_run, [Table("t", "T", ("system",), (("s",),))], [figure(name) for name in names])
    drawn = re.findall('<figure id="figure-(.*?)">', text)
    assert drawn == ["frontier-rougeL-pos", *(name for name in names if name != "frontier-rougeL-pos")]
    assert text.index("frontier-rougeL-pos") < text.index("<table") < text.index("figure-pareto")


def test_a_page_has_a_section_of_figures_only_where_one_is_left_for_it(small_run) -> None:
    other = html(small_run, figures=[figure("frontier-exact_match-pos")])
    assert "figure-frontier-exact_match-pos" in other and "#figures" not in other
    plain = html(small_run, figures=[figure("pareto")])
    assert 'class="opening"' not in plain and 'href="#figures"' in plain


def test_best_cells_and_intervals_are_set_apart(small_run) -> None:
    table = Table(
        "t", "T", ("system", "score"), (("s", "45.4 [39.5, 51.2]"), ("r", "-")), "", frozenset({(0, 1)})
    )
    text = html(small_run, [table])
    assert '<td class="best">45.4 <span class="interval">[39.5, 51.2]</span></td>' in text
    assert cell("-") == "-"


def test_columns_of_words_are_told_from_numbers() -> None:
    rows = (("seen", "gist-1", "1", "-"), ("human", "gist-10", "never", "4.5"))
    assert word_columns(Table("t", "T", ("split", "system", "k", "score"), rows)) == {0, 1}
    assert word_columns(Table("t", "T", ("split",), ())) == set()


def test_the_gallery_counts_and_shows_the_sharpest(small_run) -> None:
    rows = {row.group.name: row for row in gallery_rows(collect_samples(read_runs([small_run])))}
    assert rows["empty"].counts == (0, 8, 8, 0)  # numbers 0, 6, 12, 18 of both splits
    assert rows["truncated"].counts == (2, 2, 2, 2)
    assert rows["empty"].system.name == "tiny-gist-1"
    assert rows["empty"].sample.outputs["tiny-gist-1"].text == ""
    assert rows["copied"].sample is None


def test_the_page_says_how_examples_were_chosen(make_run) -> None:
    folder = make_run({"pos": ["a", "b"], "gist-1": ["a", "c"]})
    manifest = json.loads((folder / "manifest.json").read_text())
    said = {
        None: "the first 2 of each split",
        "random": "2 of each split, chosen at random by a hash of their content (seed 7)",
        "instructions": "2 of each split, chosen as the same share of each instruction&#39;s by a hash",
    }
    assert not any(words in html(RunFolder.open(folder)) for words in said.values())
    for choice, words in said.items():
        manifest["config"] = {"limit": 2, "seed": 7, **({"choose": choice} if choice else {})}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        made = (
            html(RunFolder.open(folder))
            .replace("instruction's", "instruction&#39;s")
            .split("How it was made")[-1]
        )
        assert words in made
