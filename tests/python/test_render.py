"""tt.render: every token is there in its type's colour, and nothing that a token holds becomes markup."""

from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import typetally as tt
from typetally.report.shown_tokens import TYPE_NAMES


class Words:
    """A vocabulary of the given tokens."""

    def __init__(self, *words: bytes) -> None:
        self.words = words

    def token_bytes(self, token_id: int) -> bytes:
        return self.words[token_id]

    def __len__(self) -> int:
        return len(self.words)


class Page(HTMLParser):
    """What a browser would see: elements, and the classes, hover text and shown text of each token."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.tokens: list[dict[str, str]] = []
        self.answers = 0
        self.depth = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.elements.add(tag)
        self.answers += values.get("class") == "answer"
        if self.depth:
            self.depth += 1
        elif "title" in values:
            self.tokens.append({"class": values["class"], "hover": values["title"], "text": ""})
            self.depth = 1

    def handle_endtag(self, tag):
        self.depth = max(0, self.depth - 1)

    def handle_data(self, data):
        if self.depth:
            self.tokens[-1]["text"] += data


ELEMENTS = {"div", "span"}


@given(
    st.lists(
        st.tuples(st.one_of(st.binary(max_size=6), st.text(max_size=6).map(str.encode)), st.sampled_from((1, 2, 3)))
    ),
)
def test_every_token_shows_and_none_becomes_markup(tokens):
    vocab = Words(*(raw for raw, _ in tokens))
    page = Page(tt.render(range(len(tokens)), [kind for _, kind in tokens], vocab).fragment)
    assert page.elements <= ELEMENTS
    assert [token["class"] for token in page.tokens] == [f"token {TYPE_NAMES[kind]}" for _, kind in tokens]
    for shown, (at, (raw, _)) in zip(page.tokens, enumerate(tokens), strict=True):
        assert shown["hover"] == f"id {at}\n{TYPE_NAMES[tokens[at][1]]}\nbytes {raw.hex(' ')}"
        if raw and raw.isascii() and raw.decode().isprintable():
            assert shown["text"] == raw.decode()
        assert shown["text"]


def test_hostile_tokens_stay_text_on_the_page():
    words = [b"<script>alert(1)</script>", b'"><img src=x onerror=alert(1)>', b"&lt;b&gt;", b"'", "\u202e".encode()]
    stats = tt.row_stats(np.eye(5)[[1, 1, 1, 1]], np.array([2, 3, 4, 0]))
    html = tt.render([1, 2, 3, 4, 0], [1, 2, 3, -1, 1], Words(*words), stats).html
    page = Page(html)
    controls = {"label", "input", "details", "summary", "ol", "li", "a", "b"}
    assert page.elements <= ELEMENTS | controls | {"html", "head", "meta", "title", "style", "body", "script"}
    assert html.count("<script") == 1
    assert not [reference for reference in ("http:", "https:", "url(", "@import") if reference in html]
    assert [token["text"].encode() for token in page.tokens] == [*words[1:4], "⟨U+202E⟩".encode(), words[0]]
    assert page.tokens[4]["hover"].endswith("model's choice “\"><img src=x onerror=alert(1)>”")


def test_statistics_show_where_they_belong():
    vocab = Words(b"a", b"b", b"c")
    labels, types = np.array([-100, 0, 1, -100, 2]), np.array([-1, 1, 2, -1, 3])
    logits = np.array([[3.0, 1, 0], [3, 1, 0], [0, 1, 3]])
    page = Page(tt.render(labels, types, vocab, tt.row_stats(logits, labels[labels >= 0]))._repr_html_())
    assert page.answers == 2
    classes = [token["class"].split() for token in page.tokens]
    assert [names[1] for names in classes] == ["desc", "coord", "format"]
    assert ["missed" in names for names in classes] == [False, True, False]
    lse = np.log(np.exp([3.0, 1, 0]).sum())
    assert f"nll {lse - 3:.3f}" in page.tokens[0]["hover"]
    assert f"nll {lse - 1:.3f}\nentropy" in page.tokens[1]["hover"]
    assert page.tokens[1]["hover"].endswith("rank 1\nmodel's choice “a”")


def test_rows_are_answers_of_their_own_and_unknown_ids_are_numbers():
    page = Page(tt.render([[0, 0], [0, 7]], [[1, 1], [2, -1]], Words(b"x")).fragment)
    assert page.answers == 2
    assert [token["text"] for token in page.tokens] == ["x", "x", "x", "⟨7⟩"]
    assert "not in the vocabulary" in page.tokens[3]["hover"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [0, 0]}, r"\[render\] expected types of shape \(2,\), got \(1,\)"),
        ({"labels": [[[0]]], "types": [[[1]]]}, r"\[render\] expected labels \[T\] or \[B, T\]"),
        ({"types": [0]}, r"\[render\] expected types within \[-1, 1, 2, 3\], got 0"),
        ({"stats": 3}, r"\[render\] expected stats with nll, got int"),
        (
            {"stats": SimpleNamespace(nll=[0.0], entropy=[0.0], rank=[0], argmax=[0])},
            r"\[render\] expected stats of 0 targets, got shape",
        ),
    ],
)
def test_arguments_that_do_not_fit(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        tt.render(**{"labels": [0], "types": [1], "vocab": Words(b"x"), **arguments})
