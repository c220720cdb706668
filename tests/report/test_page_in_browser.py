"""report.html in a real browser: filters, search, keys, links, hostile texts, many samples."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest

from gisteval.report.claims import findings
from gisteval.report.data import read_runs
from gisteval.report.page import PageContent, write_page
from gisteval.report.samples import collect_samples


def plain_page(run, path: Path) -> Path:
    """The page without tables and figures."""
    data = read_runs([run])
    samples = collect_samples(data)
    return write_page(PageContent(data, findings(data.rows, samples, ()), (), (), samples), path)


def count(page) -> str:
    return page.text_content("#count")


def shown_id(page) -> str:
    return page.text_content("#detail header span:nth-child(2)")


def test_the_page_opens_with_everything(small_page, open_page, tmp_path) -> None:
    page = open_page(small_page)
    assert page.title() == "tiny: seen, human"
    assert "tiny-gist-1 keeps" in page.text_content(".lead")
    assert page.text_content(".warning li") == "a <b>note</b>"
    assert count(page) == "48 samples"
    assert page.locator("figure").count() >= 6
    loaded = "found => [...found].every(image => image.complete && image.naturalWidth > 100)"
    assert page.eval_on_selector_all("figure img", loaded)
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert (tmp_path / "page.png").stat().st_size > 20_000


def test_filters_and_reset(small_page, open_page) -> None:
    page = open_page(small_page)
    page.select_option("#split", label="human")
    assert count(page) == "24 of 48 samples"
    page.select_option("#system", label="tiny-neg_control-1")
    page.select_option("#verdict", "flip")
    assert count(page) == "6 of 48 samples"
    page.select_option("#verdict", "tie")  # those whose orders disagree
    assert count(page) == "6 of 48 samples"
    page.select_option("#verdict", "loss")
    assert count(page) == "18 of 48 samples"
    page.select_option("#system", label="tiny-gist-1")
    page.select_option("#verdict", "any")
    page.select_option("#group", label="Empty")
    assert count(page) == "4 of 48 samples"
    page.select_option("#verdict", "win")
    assert count(page) == "0 of 48 samples"
    assert page.text_content("#detail") == "No sample fits these filters."
    page.click("#reset")
    assert count(page) == "48 samples"


def test_search_looks_at_all_texts(small_page, open_page) -> None:
    page = open_page(small_page)
    page.fill("#search", "HOUSE 17")
    page.wait_for_selector("#count:text('2 of')")
    assert shown_id(page) == "seen-0017"
    page.fill("#search", "seen-0003")
    page.wait_for_selector("#count:text('1 of')")


def test_the_order_puts_the_largest_loss_first(small_page, open_page) -> None:
    page = open_page(small_page)
    page.select_option("#system", label="tiny-gist-1")
    page.select_option("#order", "loss")
    values = [
        float(text.replace("\u2212", "-")) for text in page.locator(".row .num.down").all_inner_texts()
    ]
    assert values and values == sorted(values) and values[0] == -100
    page.select_option("#order", "gain")
    assert page.locator(".row .num").nth(1).inner_text() == "0.0"


def test_keys(small_page, open_page) -> None:
    page = open_page(small_page)
    assert shown_id(page) == "seen-0000"
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert shown_id(page) == "seen-0001"
    assert page.get_attribute(".row[aria-selected=true]", "id") == "row-1"
    page.focus("#list")
    page.keyboard.press("End")
    assert shown_id(page) == "human-0023"
    assert page.get_attribute("#list", "aria-activedescendant") == "row-47"
    page.keyboard.press("ArrowUp")
    assert shown_id(page) == "human-0022"
    page.keyboard.press("/")
    page.keyboard.type("j")
    assert page.input_value("#search") == "j"
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.input_value("#search") == ""
    page.keyboard.press("d")
    assert page.text_content("#differences") == "Differences from: positive control"
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("Escape")
    assert not page.is_visible("#help")


def test_a_link_opens_its_sample(small_page, open_page) -> None:
    page = open_page(small_page)
    page.focus("#list")
    page.keyboard.press("End")
    address = page.get_attribute("#detail header a", "href")
    assert page.url.endswith(address)
    again = open_page(small_page, address)
    assert shown_id(again) == "human-0023"
    again.select_option("#split", label="seen")
    again.evaluate("address => { location.hash = ''; location.hash = address; }", address)
    again.wait_for_selector("#count:text-is('48 samples')")
    assert shown_id(again) == "human-0023"


def test_words_that_differ_are_marked(write_small_run, make_example, open_page, tmp_path) -> None:
    asked = make_example(0, output="the quick brown fox jumps over the dog")
    said = {"tiny-gist-1": "the quick red fox jumps over a dog", "tiny-gist-4": "nothing of it"}
    run = write_small_run(
        tmp_path / "run",
        {"seen": [asked]},
        lambda item, _, system: said.get(system, item.output),
        judge=None,
    )
    page = open_page(plain_page(run, tmp_path / "report.html"))

    def marks(system: str, tag: str) -> list[str]:
        part = page.locator(".outputs .part", has=page.locator("h4", has_text=system))
        return part.locator(tag).all_text_contents()

    assert marks("tiny-gist-1", "ins") == ["red", "a"]
    assert marks("tiny-gist-1", "del") == ["brown", "the"]
    assert marks("tiny-gist-4", "ins") == marks("tiny-pos_control-1", "ins") == []
    page.keyboard.press("d")
    page.keyboard.press("d")
    assert marks("tiny-gist-1", "ins") == []


def test_a_count_of_the_gallery_opens_its_samples(small_page, open_page) -> None:
    page = open_page(small_page)
    button = page.locator("button.count[data-system=tiny-gist-4][data-group=empty]")
    number = button.inner_text()
    button.click()
    assert count(page) == f"{number} of 48 samples"
    assert page.text_content(".outputs .part.focus h4") == "tiny-gist-4"
    assert "empty" in page.text_content(".outputs .part.focus .facts")


def test_light_and_dark(small_page, open_page) -> None:
    page = open_page(small_page)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.click("#theme")
    assert page.evaluate(paper) == light and page.is_visible("img.on-light >> nth=0")
    page.click("#theme")
    assert page.evaluate(paper) != light
    assert page.is_visible("img.on-dark >> nth=0") and not page.is_visible("img.on-light >> nth=0")
    page.click("#theme")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) != light


def test_a_narrow_page_does_not_overflow(small_page, open_page) -> None:
    page = open_page(small_page)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = page.locator(".results td[data-split]")
    assert {boxes.nth(place).get_attribute("data-split") for place in range(boxes.count())} == {
        "seen",
        "human",
    }
    for place in range(boxes.count()):
        box = boxes.nth(place).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390, "every split is there without scrolling"


def test_a_table_wider_than_the_page_says_that_it_scrolls(small_page, open_page) -> None:
    page = open_page(small_page)
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_selector(".scroll.more")
    wide = "found => found.filter(box => box.scrollWidth > box.clientWidth + 1).length"
    assert page.eval_on_selector_all(".scroll", wide) == page.locator(".scroll.more").count() > 0
    page.set_viewport_size({"width": 3000, "height": 800})
    page.wait_for_selector(".scroll.more", state="detached")


def test_the_first_screen_has_question_answer_and_frontier(small_page, open_page) -> None:
    page = open_page(small_page)
    page.set_viewport_size({"width": 1300, "height": 900})
    assert page.text_content("h1").endswith("?")
    for part in ("h1", ".lead", ".opening figure img.on-light >> nth=0"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 900, part
    assert page.locator(".results .scale").count() == 1
    assert page.locator(".results td", has_text="%").filter(has_text="within").count() == 0
    assert page.locator("details.group[open]").count() == 0


@pytest.mark.parametrize("width, scheme", [(1300, "light"), (1300, "dark"), (390, "light")])
def test_axe_finds_nothing_serious(small_page, open_page, width, scheme) -> None:
    page = open_page(small_page)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    (axe,) = Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")
    page.evaluate(axe.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert found or page.evaluate("axe.version")
    serious = [(v["id"], v["nodes"][0]["target"]) for v in found if v["impact"] in ("serious", "critical")]
    assert not serious


HOSTILE = [
    "<script>document.title = 'run'; alert(1)</script>",
    "</script><script>alert(2)</script><!-- <script>",
    "<img src=x onerror=alert(3)><svg onload=alert(4)>",
    "--> ]]> </style></textarea></title><iframe src='javascript:alert(5)'></iframe>",
    "{{ 7 * 7 }} {% raw %} ${alert(6)} `alert(7)` \\u003c\\",
    "\u2028\u2029\u0000\u0001\u001b[31m\u007f\u0085\ufeff\ud800 lone \udfff",
    "\u202e\u2066right to left \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "zalgo" + "\u0336\u0489" * 200,
    "\u4e00" * 3000,
    "x" * 1_000_000,
    "'\"&quot;&lt;b&gt;&amp;",
    "a " * 3000,
]
"""What a model might write, or be made to write."""


def test_hostile_texts_stay_texts(write_small_run, make_example, open_page, tmp_path) -> None:
    examples = [
        make_example(number, instruction=text, input=text, output=text)
        for number, text in enumerate(HOSTILE)
    ]
    run = write_small_run(tmp_path / "<b>run", {"seen": examples}, lambda item, *_: item.input)
    page = open_page(plain_page(run, tmp_path / "report.html"))
    assert page.title() == "tiny: seen"
    assert count(page) == f"{len(HOSTILE)} samples"
    assert page.locator("script").count() == 2
    assert page.locator("iframe, #detail img, #detail svg, #list img, .gallery img").count() == 0
    for number, text in enumerate(HOSTILE):
        shown = page.locator("#detail .asked .text").first.text_content()
        assert shown_id(page) == f"seen-{number:04}"
        if text.isascii() and text.isprintable() and len(text) < 2000:
            assert shown == text
        page.keyboard.press("j")
    page.fill("#search", "seen-0009")
    page.wait_for_selector("#count:text('1 of')")
    assert (
        "[... 998,000 of 1,000,000 characters left out ...]"
        in page.locator("#detail .asked").text_content()
    )
    assert "instruction, 1,000,000 characters" in page.locator("#detail .asked").text_content()
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_only_the_rows_in_view_are_drawn(write_small_run, make_example, open_page, tmp_path) -> None:
    run = write_small_run(
        tmp_path / "run", {"seen": [make_example(number) for number in range(1500)]}, judge=None
    )
    page = open_page(plain_page(run, tmp_path / "report.html"))
    assert count(page) == "1,500 samples"
    page.focus("#list")
    page.keyboard.press("End")
    assert shown_id(page) == "seen-1499"
    page.evaluate("document.querySelector('#list').scrollTop = 40000")
    page.wait_for_selector("#row-720")
    assert page.locator(".row").count() < 60
    assert page.is_hidden("#judge") and page.is_hidden("#verdict")
