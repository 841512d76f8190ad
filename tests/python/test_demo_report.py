"""The demo's page and charts: self-contained, with curves of three types, and nothing in it runs."""

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from PIL import Image
from rich.console import Console

import typetally as tt
from typetally.collator.notes import Coverage
from typetally.demo.curves import charts, nice_ticks, spread
from typetally.demo.history import read_log, write_log_line
from typetally.demo.report import Report, TypedAnswer, coverage_text, learned_text, print_report, write_page
from typetally.text.data_files import BadLine

VOID = {"meta", "img"}


class Script:
    """A vocabulary of one token that would be markup."""

    def token_bytes(self, token_id):
        return b"<script>alert(1)</script>"

    def __len__(self):
        return 1


class Page(HTMLParser):
    """Elements with their attributes; fails on what is not closed."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def log_lines(steps=60):
    """A run in which format is learned first, desc later and coord never."""
    lines = []
    for step in range(0, steps + 1, 5):
        for prefix in ("", "eval_"):
            line = {"step": step, f"{prefix}typed_frac": 1.0, f"{prefix}tokens_total": 200}
            for name, pace in (("format", 5), ("desc", 12), ("coord", 60)):
                rest = math.exp(-step / pace)
                line |= {f"{prefix}{name}_token_acc": 1 - rest, f"{prefix}{name}_token_frac": 0.25}
                line |= {f"{prefix}{name}_{key}": 7 * rest for key in ("entropy", "loss")}
            lines.append(line)
    return lines


@pytest.fixture
def report():
    tokens = tt.render([0, 0], [1, 2], Script())
    answers = [TypedAnswer([Image.new("RGB", (8, 8))], tokens)]
    bad = [BadLine(number, "<script>alert(2)</script>") for number in range(1, 31)]
    coverage = {"training": Coverage(9, 7, skipped={"unknown_id": 1, "excluded": 1})}
    return Report("demo: <script>.jsonl", ["1 <b> fact"], log_lines(), coverage, bad, answers)


def test_the_page_refers_to_nothing_and_runs_nothing(report, tmp_path):
    write_page(report, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    page = Page(html)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "b"}
    for tag, attributes in page.elements:
        assert all(value.startswith("data:image/png;base64,") for key, value in attributes.items() if key == "src")
        assert not set(attributes) & {"href", "xlink:href", "srcset", "onload", "onerror"}, tag
    assert "url(" not in html
    assert "@import" not in html
    assert page.text.count("<script>alert(1)</script>") == 2
    assert page.text.count("<script>alert(2)</script>") == 20
    assert "and 10 more" in page.text
    assert len(html) < 200_000


def test_the_page_holds_three_charts_of_three_curves(report, tmp_path):
    write_page(report, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text())
    curves = [attributes for tag, attributes in page.elements if tag == "polyline"]
    assert len(curves) == 3 * 3 * 2
    for attributes in curves:
        points = np.array([[float(v) for v in point.split(",")] for point in attributes["points"].split()])
        assert points.shape == (13, 2)
        assert (np.diff(points[:, 0]) > 0).all()
        assert ((points >= 0) & (points <= (330, 250))).all()
    for title in ("accuracy", "entropy", "loss"):
        assert f"step 60: coord {title} " in page.text


def test_the_words_say_what_the_lines_say(report):
    assert learned_text(report.lines) == (
        "Accuracy of at least 0.9 on held-out answers: format from step 15, desc from step 30, coord not yet."
    )
    assert coverage_text(report) == (
        "Coverage: training: 9 samples seen, 7 typed, 2 skipped (1 excluded, 1 unknown_id); "
        "100.0% of the last evaluation's targets are typed."
    )
    console = Console(record=True, width=120)
    print_report(report, console)
    shown = console.export_text()
    assert re.search(r"coord +│ +0\.000 → 0\.632 │ +7\.000 → 2\.575 │ +7\.000 → 2\.575 │ +50", shown)
    assert "line 20: <script>alert(2)</script>" in shown
    assert "30 lines skipped" in shown


def test_a_run_without_a_type_or_a_line_still_draws():
    assert "<polyline" not in charts([])
    words = [{"step": 1, "eval_desc_token_acc": 0.5, "eval_desc_entropy": 0.0, "eval_desc_loss": 1e-9}]
    assert charts(words).count('class="eval"') == 3
    assert learned_text(words) == "Accuracy of at least 0.9 on held-out answers: desc not yet."


def test_log_lines_come_back_and_are_strict_json(tmp_path):
    with (tmp_path / "metrics.jsonl").open("w") as stream:
        write_log_line(stream, {"step": 1, "loss": math.nan, "grad_norm": math.inf, "epoch": 0.5})
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()
    assert read_log(tmp_path / "metrics.jsonl") == [{"step": 1, "loss": None, "grad_norm": None, "epoch": 0.5}]


@pytest.mark.parametrize("top", [0.0, math.nan, 1e-9, 0.3, 1.0, 7.3, 60, 399, 400, 1e6])
def test_ticks_are_few_round_and_reach_the_top(top):
    ticks = nice_ticks(top, 4)
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= 7
    assert not top > ticks[-1] * (1 + 1e-9)


def test_labels_keep_their_order_and_distance():
    placed = spread([100.0, 20.0, 101.0], 15, 104)
    assert placed[1] < placed[0] < placed[2]
    assert placed[2] - placed[0] == pytest.approx(15)
    assert placed[2] == 104
