"""Answers of every format against the type of each of their bytes: the public examples, and cases of our own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import typetally as tt
from typetally.text.grammar import describe_grammars, make_marker

MARKERS = {name: make_marker(name) for name in ("auto", *tt.grammars())}
TYPES = {"desc": 1, "coord": 2, "format": 3}
OWN_CASES = Path(__file__).parents[1] / "data" / "grammar_cases.jsonl"


class Case(NamedTuple):
    name: str
    grammar: str
    text: bytes
    types: bytes  # one per byte
    auto: bool  # whether the text tells its grammar


def read_examples(shared_data: Path) -> Iterator[Case]:
    for line in (shared_data / "grammar_examples.jsonl").read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        spans = row["spans"]
        types = b"".join(bytes([TYPES[kind.lower()]]) * (end - begin) for begin, end, kind in spans)
        yield Case(row["name"], row["grammar"], row["text"].encode(), types, {kind for *_, kind in spans} != {"DESC"})


def read_own_cases() -> Iterator[Case]:
    """Each line has `pieces`: [type, text], by hand from the rules."""
    for line in OWN_CASES.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        pieces = [(TYPES[kind], text.encode()) for kind, text in row["pieces"]]
        types = b"".join(bytes([kind]) * len(text) for kind, text in pieces)
        yield Case(row["name"], row["grammar"], b"".join(text for _, text in pieces), types, row.get("auto", True))


def types_of(grammar: str, text: bytes) -> bytes:
    return b"".join(bytes([kind]) * (end - begin) for begin, end, kind in MARKERS[grammar].spans(text))


def show(case: Case, types: bytes) -> str:
    """The first place where the types differ."""
    at = next(i for i, (found, wanted) in enumerate(zip(types, case.types, strict=True)) if found != wanted)
    return f"{case.name}: byte {at} before {case.text[at : at + 20]!r} is {types[at]}, expected {case.types[at]}"


def wrong_under(grammar: str | None, cases: list[Case]) -> list[str]:
    """Each case that is typed otherwise than expected, under its own grammar or the one that is named."""
    typed = [(case, types_of(grammar or case.grammar, case.text)) for case in cases]
    return [show(case, types) for case, types in typed if types != case.types]


def test_public_examples(shared_data: Path) -> None:
    examples = list(read_examples(shared_data))
    structured = [example for example in examples if example.auto]
    assert (len(examples), len(structured)) == (75, 70)
    assert wrong_under(None, examples) == []
    assert wrong_under("auto", structured) == []


def test_own_cases_under_their_grammar() -> None:
    cases = list(read_own_cases())
    assert {case.grammar for case in cases} == set(tt.grammars())
    assert wrong_under(None, cases) == []


def test_own_cases_under_auto() -> None:
    assert wrong_under("auto", [case for case in read_own_cases() if case.auto]) == []


@pytest.mark.parametrize(
    "text",
    [
        "trainer.train()",
        "Action: none",
        "A street.\nAction: a man crosses it.\nStatus: wet",
        "import torch\n\nmodel.fit(x=1, y=2)\nnumbers = range(start=3)\ntime.sleep(5)",
    ],
)
def test_auto_takes_code_and_captions_for_prose(text: str) -> None:
    assert MARKERS["auto"].detect(text.encode()) == "prose"


@pytest.mark.parametrize("info", describe_grammars(), ids=lambda info: info.name)
def test_auto_finds_the_grammar_of_each_example(info: Any) -> None:
    assert MARKERS["auto"].detect(info.example.encode()) == info.name
    assert 2 in set(types_of("auto", info.example.encode()))
