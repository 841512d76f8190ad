"""Why an answer does not parse: strictly as JSON, or by the tags of its grammar."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache

from typetally.base.token_type import COORD, DESC, FORMAT
from typetally.text.grammar import describe_grammars

_JSON = ("json", "coordjson")
_ATOM = re.compile(r"<\|coord_\d{1,4}\|>")
_OPENING = re.compile(r"[\[{]")
_CUT_TAG = re.compile(rb"</?[|\w]*(?:\s+\w+=[^<>]*)?$")
_WHOLE_NUMBER = re.compile(rb"\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b")
"""Not the digits of a name, as of `bbox_2d`."""
_JSON_KEY = re.compile(r'"([^"\\]{1,30})"\s*:')
_SHOWN_KEYS = 4
_decoder = json.JSONDecoder()

Spans = Sequence[tuple[int, int, int]]


def diagnose(text: bytes, grammar: str, spans: Spans, unparsed: int) -> str | None:
    """What is wrong with an answer, in words that others of its kind share, or None; text that nothing marks up is no
    error. `spans` are its typed bytes by `grammar`, `unparsed` how many of them the grammar could not place."""
    if b"<ref-object>" in text or (b"<bbox>" in text and b"</bbox>" not in text):
        return "a placeholder, <ref-object> or <bbox>, that ms-swift fills by its template"
    found = _json_problem(text, spans) if grammar in _JSON else _tag_problem(text, grammar, spans)
    if found is None and unparsed:
        return "a broken coordinate token, or a word where a number belongs"
    return found


def diagnose_types(text: bytes, grammar: str, spans: Spans) -> str | None:
    """What to know of an answer that parses and holds numbers, but in which nothing is a coordinate or a description,
    in words that others of its kind share; None for others. An empty list says that nothing is there."""
    if any(kind != FORMAT for *_, kind in spans) or not _WHOLE_NUMBER.search(text):
        return None
    keys = list(dict.fromkeys(_JSON_KEY.findall(text.decode("utf-8", "replace")))) if grammar in _JSON else []
    if not keys:
        return f"numbers that {grammar} does not place"
    more = ", ..." if len(keys) > _SHOWN_KEYS else ""
    return f"none of these keys counts: {', '.join(keys[:_SHOWN_KEYS])}{more}"


def _json_problem(text: bytes, spans: Spans) -> str | None:
    # Latin-1 keeps one character per byte, so that spans fit, and JSON's own characters are ASCII.
    strict = _ATOM.sub(lambda atom: "1".ljust(len(atom[0])), text.decode("latin-1"))
    end, last = 0, len(strict.rstrip())
    for begin in _json_values(strict, spans):
        if end >= last:
            break
        if begin < end:
            continue
        try:
            end = _decoder.raw_decode(strict, begin)[1]
        except json.JSONDecodeError as error:
            return _json_reason(strict, error)
        except RecursionError:
            return "JSON is nested too deeply"
        except ValueError:
            return "JSON with an integer of thousands of digits"
    return None


def _json_values(text: str, spans: Spans) -> Iterator[int]:
    """Where the grammar sees a bracket of JSON, and not of prose."""
    for begin, end, kind in spans:
        if kind != DESC:
            for bracket in _OPENING.finditer(text, begin, end):
                yield bracket.start()


def _json_reason(text: str, error: json.JSONDecodeError) -> str:
    if error.msg.startswith("Unterminated string"):
        return "JSON ends inside a string"
    if error.msg.startswith("Invalid control character"):
        return "JSON with a line break or control character in a string"
    rest = text[error.pos :].lstrip()
    if not rest or rest.startswith("```"):
        return "JSON ends before its brackets are closed"
    if rest[0] == "'":
        return "JSON with single quotes, as Python prints it"
    if (rest[0] in "]}" and text[: error.pos].rstrip().endswith(",")) or "trailing comma" in error.msg:
        return "JSON with a comma before a closing bracket"
    if rest.startswith(("True", "False", "None")):
        return "JSON with True, False or None, as Python prints it"
    if rest[0] == "<":
        return "a broken coordinate token in JSON"
    return f"JSON: {error.msg[0].lower()}{error.msg[1:]}"


def _tag_problem(text: bytes, grammar: str, spans: Spans) -> str | None:
    if _CUT_TAG.search(text):
        return "ends inside a tag"
    if _ends_in_bracket(text, spans):
        return "ends before a bracket is closed"
    counts = [
        (open, close, len(pattern.findall(text)), text.count(close.encode()))
        for open, close, pattern in _delimiters(grammar)
    ]
    if not any(closed for *_, closed in counts):
        return None  # without any closing tag: a style of some models
    for open, close, opened, closed in counts:
        if opened > closed:
            return f"{open} without {close}"
        if closed > opened:
            return f"{close} without {open}"
    return None


def _ends_in_bracket(text: bytes, spans: Spans) -> bool:
    """Whether the last bracket before a coordinate is never closed."""
    last = next((begin for begin, _, kind in reversed(spans) if kind == COORD), None)
    if last is None:
        return False
    at = max(text.rfind(b"(", 0, last), text.rfind(b"[", 0, last))
    return at >= 0 and (b")" if text[at : at + 1] == b"(" else b"]") not in text[at:]


@cache
def _delimiters(grammar: str) -> list[tuple[str, str, re.Pattern[bytes]]]:
    """(open, close, what finds an opening that does not close itself)"""
    tables = {info.name: info.delimiters for info in describe_grammars()}
    found = []
    for open, close in tables.get(grammar, []):
        if not close:
            continue
        if open.startswith("<|") or not open.endswith(">"):
            pattern = re.escape(open)
        else:
            pattern = re.escape(open[:-1]) + r"(?=[\s>])(?![^<>]*/>)"
        found.append((open, close, re.compile(pattern.encode())))
    return found
