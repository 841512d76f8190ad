"""The payload route against the rules of design section 3, written a second time: Python's json for the text, the
tokenizer's own offsets for the tokens, a count of characters for the majority."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("transformers")

from test_payload_route import FORMAT, payloads, pieces

import typetally as tt
from typetally.demo.tokenizer import SPECIAL_TOKENS, build_tokenizer

IGNORE = -1
TOKENIZER = build_tokenizer(merges=4000)
VOCABULARY = tt.Vocabulary.from_tokenizer(TOKENIZER)
ID_OF = {VOCABULARY.token_bytes(id)[0]: id for id in range(256)}
END = TOKENIZER.convert_tokens_to_ids("<|im_end|>")
SUFFIXES = [None, "", "\n", "<|im_end|>", ["<|im_end|>", "\n"], ["", " x"]]


def majority(kinds: list[int]) -> int:
    """The type that most characters have; DESC, COORD, FORMAT in a tie."""
    return max(sorted(set(kinds)), key=kinds.count, default=FORMAT)


def expected(payload: Any, suffix: Any) -> tuple[list[int], list[int]]:
    """The ids that the tokenizer gives for the answer, and their types."""
    typed = [(unicodedata.normalize("NFC", part), kind) for part, kind in pieces(payload)]
    typed.append(("".join(suffix or ""), FORMAT))
    encoded = TOKENIZER("".join(part for part, _ in typed), add_special_tokens=False, return_offsets_mapping=True)
    kinds = [kind for part, kind in typed for _ in part]
    return encoded["input_ids"], [majority(kinds[begin:end]) for begin, end in encoded["offset_mapping"]]


def typed(payload: Any, labels: list[int], suffix: Any) -> list[int] | None:
    types = tt.compute_token_types(tokenizer=VOCABULARY, payload=payload, labels=labels, suffix_tokens=suffix)
    return None if types is None else types.tolist()


# A special token's text inside a string is cut out before its neighbours are normalised.
answers = payloads.filter(lambda payload: not any(token in repr(payload) for token in SPECIAL_TOKENS))


@given(answers, st.sampled_from(SUFFIXES), st.data())
@settings(max_examples=300, deadline=None)
def test_types_are_those_of_the_tokenizers_own_offsets(payload: Any, suffix: Any, data: st.DataObject) -> None:
    ids, types = expected(payload, suffix)
    kept = data.draw(st.integers(0, len(ids)), "labels that a length limit leaves")
    trailing = data.draw(st.integers(0, 10), "special tokens that follow") if kept == len(ids) else 0
    labels, wanted = ids[:kept] + [END] * trailing, types[:kept] + [FORMAT] * trailing
    for hole in data.draw(st.lists(st.integers(0, len(labels)), max_size=3), "ignored positions"):
        labels.insert(hole, -100)
        wanted.insert(hole, IGNORE)
    assert typed(payload, labels, suffix) == (wanted if trailing <= 8 else None)


@given(answers)
@settings(max_examples=100, deadline=None)
def test_the_same_bytes_from_other_ids_align(payload: Any) -> None:
    """An id for each byte: the types of its character."""
    parts = [(unicodedata.normalize("NFC", part), kind) for part, kind in pieces(payload)]
    ids = [ID_OF[byte] for part, _ in parts for byte in part.encode()]
    assert typed(payload, ids, None) == [kind for part, kind in parts for _ in part.encode()]


@given(answers, st.sampled_from(SUFFIXES), st.data())
@settings(max_examples=300, deadline=None)
def test_labels_that_spell_something_else_are_refused(payload: Any, suffix: Any, data: st.DataObject) -> None:
    ids, _ = expected(payload, suffix)
    at = data.draw(st.integers(0, len(ids) - 1))
    other = data.draw(st.integers(0, len(VOCABULARY) - 1))
    changed = [*ids[:at], other, *ids[at + 1 :]]
    spelled = VOCABULARY.decode(changed)
    answer = VOCABULARY.decode(ids)
    begins = answer.startswith(spelled) or (spelled.startswith(answer) and at == len(ids) - 1)
    if not begins:
        assert typed(payload, changed, suffix) is None
