"""Training data in JSON Lines, in the formats that trainers read; a line that cannot be used is reported, not fatal.

docs/command-line.md lists the formats.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from typetally.base.config import TokenTypeMetricsConfig
from typetally.text.payload import REFERENCE_KEYS, serialize_payload

_MAX_SHOWN = 60


@dataclass(frozen=True)
class BadLine:
    """A line that could not be used: its number, from 1, what is wrong, and where in the line."""

    number: int
    kind: str
    where: str = ""

    @property
    def reason(self) -> str:
        return self.kind + self.where


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says; `is_answer` where it is the assistant's and trained on."""

    text: str
    is_answer: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """A usable line: its number, from 1, its format, its data set label as the filter compares it, and its turns."""

    number: int
    format: str
    label: str
    turns: tuple[Turn, ...]
    size: tuple[float, float] | None
    """Width and height of the picture in pixels, where the line says them."""

    @property
    def answers(self) -> list[str]:
        return [turn.text for turn in self.turns if turn.is_answer]


def json_lines(stream: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The lines of a file. ValueError where it is a JSON array: it begins with a bracket that its first line does not
    close, or no other line follows."""
    lines = iter(stream)
    begun: list[bytes] = []
    filled: list[bytes] = []
    for line in lines:
        begun.append(line)
        if text := line.strip():
            filled.append(text.removeprefix(BOM_UTF8))
        if len(filled) == 2:
            break
    if filled and filled[0].startswith(b"[") and not (filled[1:] and filled[0].endswith(b"]")):
        raise ValueError(
            f"[data] expected {name} as JSON Lines, an object a line, got a JSON array: jq -c '.[]' makes lines of it"
        )
    return chain(begun, lines)


def read_records(stream: Iterable[bytes], first: int = 1) -> Iterator[tuple[int, dict[str, Any]] | BadLine]:
    """The JSON objects of a JSON Lines stream in order with their line numbers, which begin at `first`; blank lines are
    passed over."""
    for number, raw in enumerate(stream, first):
        if not raw.strip():
            continue
        try:
            record = json.loads(raw.strip().decode("utf-8-sig"))
            if not isinstance(record, dict):
                raise ValueError(f"expected an object, got {type(record).__name__}")
            yield number, record
        except (ValueError, RecursionError) as error:
            yield bad_line(number, error)


def samples_of(stream: Iterable[bytes], first: int = 1) -> Iterator[Sample | BadLine]:
    """The samples of a JSON Lines stream in order; its line numbers begin at `first`."""
    for found in read_records(stream, first):
        yield found if isinstance(found, BadLine) else read_sample(*found)


def read_samples(path: Path, on_bytes: Callable[[int], object] = lambda _: None) -> Iterator[Sample | BadLine]:
    """The samples of a file in order. `on_bytes` is told, every thousand lines and at the end, how many bytes have been
    read. OSError if the file cannot be read, ValueError if it is a JSON array."""
    with path.open("rb") as stream:
        for count, found in enumerate(samples_of(json_lines(stream, path.name)), 1):
            yield found
            if count % 1000 == 0:
                on_bytes(stream.tell())
        on_bytes(stream.tell())


def bad_line(number: int, error: BaseException) -> BadLine:
    """Says what `error`, raised by reading a line, means to the one who wrote the line."""
    if isinstance(error, json.JSONDecodeError):
        return BadLine(number, f"not JSON: {error.msg.removesuffix(' at')}", f" at column {error.colno}")
    if isinstance(error, UnicodeDecodeError):
        return BadLine(number, "not UTF-8", f": byte {error.start}")
    if isinstance(error, RecursionError):
        return BadLine(number, "nested too deeply")
    return BadLine(number, str(error))


def answer_text(answer: Any) -> str:
    """An answer as text: itself, or an object as the payload route writes it, coordinate tokens without quotes.
    ValueError for what JSON does not know."""
    if isinstance(answer, str):
        return answer
    return serialize_payload(answer)


def objects_in(record: dict[str, Any], field: str) -> list[dict[str, Any]]:
    """A field's list of objects, such as turns. ValueError where it is something else."""
    objects = record[field]
    if not isinstance(objects, list) or not all(isinstance(one, dict) for one in objects):
        raise ValueError(f"expected `{field}` as a list of objects")
    return objects


def question_of(record: dict[str, Any], default: str) -> str:
    """What was asked. ValueError where it is no text."""
    question = record.get("question", default)
    if not isinstance(question, str):
        raise ValueError(f"expected `question` as text, got {type(question).__name__}")
    return question


def check_unicode(text: str) -> None:
    """ValueError for text that no encoding can write, and so no tokenizer can read."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("expected text in Unicode, got a lone surrogate") from None


def read_sample(number: int, record: dict[str, Any]) -> Sample | BadLine:
    """One line's record as a sample."""
    try:
        name, turns = _read(record)
        if not any(turn.is_answer for turn in turns):
            raise ValueError("no turn of the assistant to train on")
        for turn in turns:
            check_unicode(turn.text)
        label = TokenTypeMetricsConfig.sample_label(record)
        return Sample(number, name, label, tuple(turns), _size(record))
    except ValueError as error:
        return bad_line(number, error)


def _read(record: dict[str, Any]) -> tuple[str, list[Turn]]:
    for field, read in _FORMATS.items():
        if record.get(field) is not None:
            return field, read(record)
    raise ValueError(f"expected one of the fields {', '.join(_FORMATS)}")


def _messages(record: dict[str, Any], field: str = "messages") -> list[Turn]:
    return [_turn(turn, "role", "content", field) for turn in objects_in(record, field)]


def _completion(record: dict[str, Any]) -> list[Turn]:
    prompt, completion = record.get("prompt", ""), record["completion"]
    before = [Turn(prompt, False)] if isinstance(prompt, str) else _messages(record, "prompt")
    after = [Turn(completion, True)] if isinstance(completion, str) else _messages(record, "completion")
    return [Turn(turn.text, False) for turn in before] + after


def _conversations(record: dict[str, Any]) -> list[Turn]:
    return [_turn(turn, "from", "value", "conversations") for turn in objects_in(record, "conversations")]


def _objects(record: dict[str, Any]) -> list[Turn]:
    """CoordExp's lines hold objects, which its template writes with the description first."""
    entries = objects_in(record, "objects")
    names = [name for keys in REFERENCE_KEYS for name in keys]
    objects = [{name: entry[name] for name in names if name in entry} for entry in entries]
    for entry in objects:
        if "desc" not in entry or len(entry) != 2:
            raise ValueError("expected each of `objects` with `desc` and either `bbox_2d` or `poly`")
    return [Turn(answer_text({"objects": objects}), True)]


def _answer(record: dict[str, Any]) -> list[Turn]:
    return [Turn(question_of(record, ""), False), Turn(answer_text(record["answer"]), True)]


_FORMATS: Mapping[str, Callable[[dict[str, Any]], list[Turn]]] = {
    "messages": _messages,
    "completion": _completion,
    "conversations": _conversations,
    "objects": _objects,
    "answer": _answer,
}
"""By the field that tells a format; a line with several has the first."""


_ANSWERING = ("assistant", "gpt", "model", "bot")


def _turn(turn: dict[str, Any], role_field: str, text_field: str, field: str) -> Turn:
    role, content = turn.get(role_field), turn.get(text_field)
    if not isinstance(role, str):
        raise ValueError(f"expected `{role_field}` in each of `{field}`")
    # ms-swift trains on a turn of the assistant unless its `loss` is false.
    return Turn(_text(content, text_field), role in _ANSWERING and turn.get("loss") is not False)


def _text(content: Any, field: str) -> str:
    """A turn's text: a string, or the text among a list's parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise ValueError(f"expected `{field}` as text or a list of parts, got {type(content).__name__}")
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind is None or (kind == "text" and not isinstance(part.get("text"), str)):
            raise ValueError(f"expected parts of `{field}` with a type, got {json.dumps(part)[:_MAX_SHOWN]}")
        if kind == "text":
            texts.append(part["text"])
    return "".join(texts)


def _size(record: dict[str, Any]) -> tuple[float, float] | None:
    width, height = record.get("width"), record.get("height")
    if isinstance(width, int | float) and isinstance(height, int | float) and width > 0 and height > 0:
        return float(width), float(height)
    return None
