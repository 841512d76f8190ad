"""tt.render's page in a real browser."""

import numpy as np

import typetally as tt
from typetally import Vocabulary, _core

HOSTILE = [b"<script>document.title='run'</script>", b'"><img src=x onerror="document.title=1">', b"&lt;b&gt;", b"'"]


def vocabulary(words):
    return Vocabulary(_core.Vocabulary.from_tokens(list(words), bytes(len(words))))


def test_hostile_tokens_stay_text(browser):
    ids = np.arange(len(HOSTILE))
    browser.open(tt.render(ids, np.array([1, 2, 3, 1]), vocabulary(HOSTILE)).html)
    assert browser.driver.title == "typetally"
    assert browser.run("return document.images.length") == 0
    shown = browser.run("return [...document.querySelectorAll('.answer .token')].map(token => token.textContent)")
    assert [text.encode() for text in shown] == HOSTILE
    assert browser.messages == []
