"""The page of an audit in a real browser."""

import json

import pytest
from selenium.webdriver.common.by import By
from tokenizers import Tokenizer, models, pre_tokenizers

import typetally as tt
from typetally.audit import Auditor, Options
from typetally.audit.page import audit_page
from typetally.text.data_files import read_samples
from typetally.text.text_encoder import TextEncoder

BOX = '[{"label": "cat", "bbox_2d": [1, 2, 300, 400]}]'
REVERSED = '[{"label": "<script>document.title=1</script>", "bbox_2d": [5, 2, 3, 400]}]'


@pytest.fixture
def report(tmp_path):
    """Of three labels, two of which hold markup, with one answer that is cut and nine with a reversed box."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer = Tokenizer(models.BPE({char: at for at, char in enumerate(sorted(alphabet))}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    encoder = TextEncoder(tmp_path / "tokenizer.json")
    lines = [{"answer": BOX * (1 + at % 7), "dataset": "lvis"} for at in range(80)]
    lines += [{"answer": REVERSED, "dataset": "<img src=x onerror='document.title=2'>"}] * 9
    lines += [{"answer": REVERSED[:-3], "dataset": "&lt;" + "long" * 60}, {"text": "<b>"}]
    data = tmp_path / "train.jsonl"
    data.write_text("\n".join(map(json.dumps, lines)))
    config = tt.TokenTypeMetricsConfig(include=("lvis", "lvsi"))
    auditor = Auditor(encoder, tt.TokenTyper(encoder.vocabulary), Options(config, max_length=250))
    auditor.read(read_samples(data))
    return auditor.report()


def test_the_page_holds_what_was_found_and_nothing_that_runs(browser, report):
    browser.open(audit_page(report, "<u>.jsonl"))
    text = browser.run("return document.body.innerText")
    for shown in (
        "<u>.jsonl",
        "lvsi",
        "10 coordinates that cannot be",
        "lines 90",
        "<script>document.title=1</script>",
    ):
        assert shown in text
    assert browser.driver.title == "audit of <u>.jsonl"
    assert browser.run("return document.images.length + document.querySelectorAll('script, u').length") == 0
    assert browser.messages == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0


def test_charts_are_to_scale(browser, report):
    browser.open(audit_page(report, "train.jsonl"))
    for row, label in zip(
        browser.driver.find_elements(By.CSS_SELECTOR, ".labels tbody tr"), report.labels, strict=True
    ):
        bar = row.find_element(By.CLASS_NAME, "bar").rect["width"]
        shares = [part.rect["width"] / bar for part in row.find_elements(By.CLASS_NAME, "token")]
        assert shares == pytest.approx([count / label.tokens.total for count in label.tokens.values[:3]], abs=0.01)
    columns = browser.driver.find_elements(By.CSS_SELECTOR, ".histogram:first-child .column")
    counts = [one.count for one in report.answer_lengths.histogram]
    heights = [column.rect["height"] for column in columns]
    assert heights == pytest.approx([max(heights) * count / max(counts) for count in counts], abs=1)


@pytest.mark.parametrize("width", [320, 420, 1200])
def test_nothing_is_wider_than_the_page(browser, report, width):
    browser.open(audit_page(report, "train.jsonl"), width=width)
    assert browser.run("return document.documentElement.scrollWidth") <= width
