"""tt.render's page in a real browser: what hovering tells, what colours say, where links lead, and who can read it."""

import io
from itertools import combinations, pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By

import typetally as tt
from typetally import Vocabulary, _core
from typetally.report.shown_tokens import LEVELS

HOSTILE = [b"<script>document.title='run'</script>", b'"><img src=x onerror="document.title=1">', b"&lt;b&gt;", b"'"]
NLL = [0.01, 0.3, 0.7, 1.5, 3.0, 9.0]


def vocabulary(words):
    return Vocabulary(_core.Vocabulary.from_tokens(list(words), bytes(len(words))))


def scored_page(rows=1):
    """Rows of a first label, which nothing predicts, and one token of each level in turn; entropies run the other way,
    and ranks are 0 below an nll of 1."""
    words = [f"word{at} ".encode() for at in range(7)]
    labels = np.tile(np.arange(7), (rows, 1))
    types = np.tile([1, 1, 2, 3, 1, 2, 3], (rows, 1))
    nll = np.tile(NLL, rows)
    rank = (nll > 1).astype(int) * 4
    stats = SimpleNamespace(nll=nll, entropy=np.tile(NLL[::-1], rows), rank=rank, argmax=np.zeros(6 * rows, int))
    return tt.render(labels, types, vocabulary(words), stats)


def luminances(browser, selector):
    """(background, ink) of each element, as WCAG defines relative luminance."""
    colours = browser.run(
        """const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
        const pixel = colour => {
          context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
          return [...context.getImageData(0, 0, 1, 1).data];
        };
        return [...document.querySelectorAll(arguments[0])].filter(one => one.checkVisibility()).map(one => {
          const style = getComputedStyle(one);
          return [pixel(style.backgroundColor), pixel(style.color)];
        });""",
        selector,
    )
    assert colours
    channel = np.array(colours)[..., :3] / 255
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def styles(browser, name, selector=".answer .token"):
    script = "return [...document.querySelectorAll(arguments[0])].map(one => getComputedStyle(one)[arguments[1]])"
    return browser.run(script, selector, name)


def backgrounds(browser, selector=".answer .token"):
    return styles(browser, "backgroundColor", selector)


def choose(browser, by, at=0):
    browser.driver.find_elements(By.CLASS_NAME, f"by-{by}")[at].click()


def test_hostile_tokens_stay_text(browser):
    ids = np.arange(len(HOSTILE))
    stats = SimpleNamespace(nll=[1.0] * 3, entropy=[1.0] * 3, rank=[1] * 3, argmax=[0, 1, 2])
    browser.open(tt.render(ids, np.array([1, 2, 3, 1]), vocabulary(HOSTILE), stats).html)
    tokens = browser.driver.find_elements(By.CSS_SELECTOR, ".answer .token")
    assert [token.text.encode() for token in tokens] == HOSTILE
    for token in tokens:
        ActionChains(browser.driver).move_to_element(token).perform()
        assert "id " in browser.driver.find_element(By.CLASS_NAME, "typetally-hover").text
    assert browser.driver.title == "typetally"
    assert browser.run("return document.images.length") == 0
    assert browser.messages == []


def test_the_page_loads_nothing(browser):
    browser.open(scored_page().html)
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.messages == []


def test_hovering_tells_what_is_known_and_stays_in_sight(browser):
    browser.open(scored_page().html, width=360)
    tokens = browser.driver.find_elements(By.CSS_SELECTOR, ".answer .token")
    for token, nll in zip(tokens, [None, *NLL], strict=True):
        ActionChains(browser.driver).move_to_element(token).perform()
        (box,) = browser.driver.find_elements(By.CLASS_NAME, "typetally-hover")
        facts = box.text.split("\n")
        assert facts[0] == f"id {token.text.strip().removeprefix('word')}"
        assert facts[2] == f"bytes {(token.text.strip() + ' ').encode().hex(' ')}"
        assert facts[3:4] == ([] if nll is None else [f"nll {nll:.3f}"])
        assert box.rect["x"] >= 0
        assert box.rect["x"] + box.rect["width"] <= 360
    assert [len(token.get_attribute("title") or "") > 0 for token in tokens] == [True] * 6 + [False]


@pytest.mark.parametrize("dark", [False, True])
def test_colours_follow_nll_and_entropy(browser, dark):
    browser.open(scored_page().html, dark=dark)
    by_type = backgrounds(browser)
    assert len(set(by_type)) == 3
    choose(browser, "nll")
    by_nll = backgrounds(browser)[1:]
    lightness = luminances(browser, ".answer .token")[1:, 0]
    assert all(np.diff(lightness) > 0) if dark else all(np.diff(lightness) < 0)
    assert by_nll == backgrounds(browser, ".of-levels .token")
    widths = [float(width.removesuffix("px")) for width in styles(browser, "borderBottomWidth")]
    assert all(low < high for low, high in pairwise(widths[1:]))
    choose(browser, "entropy")
    assert backgrounds(browser)[1:] == by_nll[::-1]
    choose(browser, "type")
    assert backgrounds(browser) == by_type
    assert len(by_nll) == len(LEVELS) + 1


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("by", ["type", "nll", "entropy"])
def test_text_stands_out_from_its_ground(browser, by, dark):
    browser.open(scored_page().html, dark=dark)
    choose(browser, by)
    for selector in (".answer .token", ".legend .token"):
        both = luminances(browser, selector) if by == "type" else luminances(browser, f"{selector}:not(:first-child)")
        contrast = (both.max(1) + 0.05) / (both.min(1) + 0.05)
        assert contrast.min() >= 4.5


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("deficiency", ["none", "protanopia", "deuteranopia", "tritanopia", "achromatopsia"])
def test_types_differ_for_colour_blind_eyes(browser, deficiency, dark):
    browser.open(scored_page().html, dark=dark)
    browser.devtools("Emulation.setEmulatedVisionDeficiency", type=deficiency)
    try:
        swatches = browser.driver.find_elements(By.CSS_SELECTOR, ".of-types .token")
        shots = [np.array(Image.open(io.BytesIO(one.screenshot_as_png)).convert("RGB")).astype(int) for one in swatches]
    finally:
        browser.devtools("Emulation.setEmulatedVisionDeficiency", type="none")
    assert len(shots) == 3
    # The line below each: its colour where it is drawn, and how much of it is.
    for one, other in combinations(shots, 2):
        rows = [shot[-3:, 4:-4] for shot in (one, other)]
        grounds = [shot[4, 4] for shot in (one, other)]
        drawn = [(np.abs(row - ground).sum(-1) > 30).mean(1) for row, ground in zip(rows, grounds, strict=True)]
        assert np.abs(drawn[0] - drawn[1]).max() > 0.2, "the lines look alike without colour"
        if deficiency != "achromatopsia":
            assert np.abs(rows[0][-1].mean(0) - rows[1][-1].mean(0)).sum() > 60


def test_the_list_of_the_worst_leads_to_them(browser):
    browser.open(scored_page(rows=60).html)
    browser.driver.find_element(By.CSS_SELECTOR, ".worst-nll summary").click()
    links = browser.driver.find_elements(By.CSS_SELECTOR, ".worst-nll a")
    assert [link.text.strip() for link in links] == ["word6"] * 20
    choose(browser, "entropy")
    browser.driver.find_element(By.CSS_SELECTOR, ".worst-entropy summary").click()
    links = browser.driver.find_elements(By.CSS_SELECTOR, ".worst-entropy a")
    assert [link.text.strip() for link in links] == ["word1"] * 20
    links[-1].click()
    target = browser.driver.find_element(By.CSS_SELECTOR, ":target")
    assert target.text.strip() == "word1"
    assert (
        browser.run("return [...document.querySelectorAll('.answer')].indexOf(arguments[0].parentElement)", target)
        == 19
    )
    top = browser.run("return arguments[0].getBoundingClientRect().top", target)
    assert 0 <= top < 900


def test_several_in_one_notebook_do_not_clash(browser):
    cells = [f"<div class='cell'>{scored_page()._repr_html_()}</div>" for _ in range(3)]
    browser.open(f"<!doctype html><meta charset='utf-8'>{''.join(cells)}")
    before = backgrounds(browser, ".answer .token")
    choose(browser, "nll", at=1)
    after = backgrounds(browser, ".answer .token")
    assert [one == two for one, two in zip(before, after, strict=True)] == [True] * 7 + [False] * 7 + [True] * 7
    ids = browser.run("return [...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids)) == 3 * (1 + 6)
    ActionChains(browser.driver).move_to_element(
        browser.driver.find_elements(By.CSS_SELECTOR, ".answer .token")[8]
    ).perform()
    assert len(browser.driver.find_elements(By.CLASS_NAME, "typetally-hover")) == 1


@pytest.mark.parametrize(("theme", "dark"), [("true", True), ("false", False)])
def test_a_notebook_theme_goes_before_the_browsers(browser, theme, dark):
    page = f"<!doctype html><meta charset='utf-8'><body data-jp-theme-light={theme}>{scored_page()._repr_html_()}"
    browser.open(page, dark=dark)
    themed = backgrounds(browser)
    browser.open(scored_page().html, dark=not dark)
    assert themed == backgrounds(browser)


def test_a_line_break_ends_the_line_and_its_token(browser):
    browser.open(tt.render([0, 1, 2, 0], [1, 3, 3, 1], vocabulary([b"a", b",\n", b"\n\n  "])).html)
    boxes = browser.run(
        "return [...document.querySelectorAll('.answer .token')].map(one => one.getClientRects().length)"
    )
    assert boxes == [1, 1, 3, 1]
    tops = [token.rect["y"] for token in browser.driver.find_elements(By.CSS_SELECTOR, ".answer .token")]
    assert tops[0] == tops[1] < tops[2] < tops[3]


@pytest.mark.parametrize("width", [320, 1200])
def test_nothing_is_wider_than_the_page(browser, width):
    long = vocabulary([b"x" * 400, b" a b c d" * 40])
    browser.open(tt.render([0, 1], [1, 3], long).html, width=width)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    browser.open(scored_page(rows=3).html, width=width)
    browser.driver.find_element(By.CSS_SELECTOR, ".worst-nll summary").click()
    assert browser.run("return document.documentElement.scrollWidth") <= width
