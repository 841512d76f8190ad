"""Grammars never reject: cut, spliced, random and huge texts are tiled by spans, in linear time and bounded memory."""

import itertools
import random
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_grammar_cases import MARKERS, read_own_cases

CASES = [case.text for case in read_own_cases()]
# What a reader may look ahead for, and what may follow it.
PIECES = [
    b'"',
    b"'",
    b"{",
    b"[",
    b"]}",
    b",",
    b": ",
    b"\n",
    b"<",
    b"|>",
    b"```",
    b"</",
    b"=",
    b"(",
    b")",
    b"\\",
    b"\xe7\x8c",
    b"1.",
    b"-",
]

grammars = st.sampled_from(sorted(MARKERS))
spoiled = st.lists(st.sampled_from(CASES + PIECES) | st.binary(max_size=8), max_size=6).map(b"".join)


def check_tiles(grammar: str, text: bytes) -> list[tuple[int, int, int]]:
    spans: list[tuple[int, int, int]] = MARKERS[grammar].spans(text)
    assert [begin for begin, _, _ in spans] == [0, *(end for _, end, _ in spans)][: len(spans)]
    assert (spans[-1][1] if spans else 0) == len(text)
    assert all(a[2] != b[2] for a, b in itertools.pairwise(spans))
    assert {kind for *_, kind in spans} <= {1, 2, 3}
    assert 0 <= MARKERS[grammar].unparsed(text) <= len(text)
    return spans


def check_settled(grammar: str, whole: list[tuple[int, int, int]], prefix: bytes) -> None:
    settled = MARKERS[grammar].settled(prefix)
    assert 0 <= settled <= len(prefix)

    def before(spans: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        return [(begin, min(end, settled), kind) for begin, end, kind in spans if begin < settled]

    assert before(check_tiles(grammar, prefix)) == before(whole)


@pytest.mark.parametrize("grammar", sorted(MARKERS))
def test_cut_at_every_byte(grammar: str) -> None:
    for text in CASES:
        whole = check_tiles(grammar, text)
        for end in range(len(text)):
            check_settled(grammar, whole, text[:end])


@pytest.mark.parametrize("grammar", sorted(MARKERS))
def test_every_pair_spliced_somewhere(grammar: str) -> None:
    drawn = random.Random(grammar)
    for first in CASES:
        for second in CASES:
            cut = first[: drawn.randrange(len(first) + 1)]
            check_tiles(grammar, cut + second[drawn.randrange(len(second) + 1) :])


@given(grammars, spoiled, st.data())
@settings(max_examples=2000, deadline=None)
def test_a_prefix_gets_the_prefix_of_the_spans(grammar: str, text: bytes, data: st.DataObject) -> None:
    check_settled(grammar, check_tiles(grammar, text), text[: data.draw(st.integers(0, len(text)))])


@pytest.mark.parametrize("grammar", sorted(MARKERS))
def test_finished_answers_settle(grammar: str) -> None:
    """Else the properties above would hold for a reader that never decides."""
    texts = [case.text for case in read_own_cases() if grammar in (case.grammar, "auto")]
    doubled = [text + b"<|im_end|>" + text for text in texts]
    assert sum(map(MARKERS[grammar].settled, doubled)) > 0.8 * sum(map(len, doubled))


# Texts whose repetition invites a reader to look ahead again and again.
REPEATED = [
    b"[",
    b"{",
    b"(",
    b"<",
    b"`",
    b'"',
    b"'",
    b'"a',
    b'{"',
    b'"a", ',
    b"[1",
    b"[1,",
    b"(1, ",
    b"[[1]",
    b"<a ",
    b"<a b=",
    b'<a b="',
    b"<|",
    b"<point x=",
    b"<box>",
    b"<box>a",
    b"<ref>",
    b"<loc",
    b"<loc_1",
    b"a(",
    b"a(b=",
    b"\na('",
    b"\naction",
    b"\nplan: ",
    b"<loc1>",
    b"type('",
    b"\nclick(x='(",
    b"\\",
    b'"\\',
    b"a ",
    b"\n",
    b", ",
    b"{'a': ",
    b"//",
    b"/*",
    b'<points coords="1 ',
    b"</",
    b"1 ",
    b"\xff",
    b"\xef\xbd\x9c",
]
SIZE = 1 << 13


def seconds(grammar: str, text: bytes) -> float:
    begin = time.process_time()
    MARKERS[grammar].spans(text)
    return time.process_time() - begin


@pytest.mark.parametrize("grammar", sorted(MARKERS))
def test_linear_time(grammar: str) -> None:
    """Four times the text takes four times as long; a reader that looks back or ahead each time would take sixteen."""
    for piece in REPEATED:
        text = piece * (SIZE // len(piece))
        small = min(seconds(grammar, text) for _ in range(2))
        large = min(seconds(grammar, text * 4) for _ in range(2))
        assert large < 8 * small + 0.01, piece


MEMORY = """
import resource, sys
from typetally.text.grammar import make_marker
texts = {"brackets": b"[" * 10_000_000, "prose": b"no structure in here, " * 50_000, "zeros": bytes(1_000_000)}
text = texts[sys.argv[2]]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
spans = make_marker(sys.argv[1]).spans(text)
assert spans[-1][1] == len(text) and len(spans) <= 2
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("grammar", ["auto", "json", "brackets", "ui_actions"])
@pytest.mark.parametrize("kind", ["brackets", "prose", "zeros"])
def test_huge_texts_take_bounded_memory(grammar: str, kind: str) -> None:
    command = [sys.executable, "-c", MEMORY, grammar, kind]
    kibibytes = int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
    assert kibibytes < 64 * 1024
