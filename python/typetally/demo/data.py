"""Reads a user's conversations: JSON lines of chat messages with pictures, or of pictures and answers.

docs/demo.md lists the fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from typetally.demo.encode import Message
from typetally.demo.shapes import QUESTION, SIDE
from typetally.demo.tokenizer import SPECIAL_TOKENS
from typetally.text.data_files import (
    BadLine,
    answer_text,
    bad_line,
    check_unicode,
    json_lines,
    objects_in,
    question_of,
    read_records,
)

PLACEHOLDER = "<image>"
"""Stands in a message's text for the next of the line's `images`, as in ms-swift's files."""

_ROLES = ("system", "user", "assistant")
# What only the processor may write: the model counts these against its pictures.
_RESERVED = tuple(token for token in SPECIAL_TOKENS if "_pad|" in token or "vision_" in token or "|im_" in token)


@dataclass(frozen=True)
class Line:
    """A usable line: its number, from 1, and the conversation with its pictures loaded."""

    number: int
    messages: list[Message]


def read_lines(path: Path) -> Iterator[Line | BadLine]:
    """The lines of a JSON Lines file in order; blank ones are passed over. OSError if the file cannot be read,
    ValueError if it is a JSON array."""
    with path.open("rb") as stream:
        for found in read_records(json_lines(stream, path.name)):
            yield found if isinstance(found, BadLine) else _line(*found, path.parent)


def _line(number: int, record: dict[str, Any], folder: Path) -> Line | BadLine:
    try:
        return Line(number, conversation(record, folder))
    except (ValueError, RecursionError) as error:
        return bad_line(number, error)


def conversation(record: dict[str, Any], folder: Path) -> list[Message]:
    """The messages of one record with its pictures, which paths relative to `folder` name. ValueError says what is
    wrong with it."""
    if "messages" in record:
        messages = _chat(record, folder)
    elif "answer" in record:
        messages = _question_and_answer(record, folder)
    else:
        raise ValueError("expected `messages` or `answer`, got neither")
    for message in messages:
        _check_text(message)
    return messages


def _question_and_answer(record: dict[str, Any], folder: Path) -> list[Message]:
    question = question_of(record, QUESTION)
    pictures = record.get("image", [])
    parts = [_picture(name, folder) for name in (pictures if isinstance(pictures, list) else [pictures])]
    return [
        {"role": "user", "content": [*parts, {"type": "text", "text": question}]},
        {"role": "assistant", "content": answer_text(record["answer"])},
    ]


def _chat(record: dict[str, Any], folder: Path) -> list[Message]:
    turns = objects_in(record, "messages")
    names = record.get("images", record.get("image", []))
    names = list(names) if isinstance(names, list) else [names]
    total = len(names)
    messages = [_message(turn, names, folder) for turn in turns]
    if not any(message["role"] == "assistant" for message in messages):
        raise ValueError("expected a message of the assistant, got none")
    if names and len(names) == total:
        _put_first(messages, [_picture(name, folder) for name in names])
    elif names:
        raise ValueError(f"expected a place for each of the {total} pictures, {len(names)} have none")
    return messages


def _message(turn: dict[str, Any], names: list[Any], folder: Path) -> Message:
    """A turn with its pictures; takes from `names` what its placeholders stand for."""
    role, content = turn.get("role"), turn.get("content")
    if role not in _ROLES:
        raise ValueError(f"expected `role` as one of {', '.join(_ROLES)}, got {role!r}")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise ValueError(f"expected `content` as text or a list of parts, got {type(content).__name__}")
    parts: list[dict[str, Any]] = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            # What the assistant says is never a place for a picture.
            parts += [part] if role == "assistant" else _split(part["text"], names, folder)
        elif kind == "image" and role != "assistant":
            name = part.get("image", part.get("path"))
            parts.append(_picture(_next(names) if name is None else name, folder))
        else:
            wanted = "text" if role == "assistant" else "text or image"
            raise ValueError(f"expected {role}'s parts of type {wanted}, got {json.dumps(part)[:60]}")
    texts = [part["text"] for part in parts if part["type"] == "text"]
    return {"role": role, "content": "".join(texts) if len(texts) == len(parts) else parts}


def _split(text: str, names: list[Any], folder: Path) -> list[dict[str, Any]]:
    first, *others = text.split(PLACEHOLDER)
    parts: list[dict[str, Any]] = [{"type": "text", "text": first}] if first else []
    for piece in others:
        parts.append(_picture(_next(names), folder))
        if piece:
            parts.append({"type": "text", "text": piece})
    return parts


def _next(names: list[Any]) -> Any:
    if not names:
        raise ValueError(f"expected as many `images` as {PLACEHOLDER} places, got fewer")
    return names.pop(0)


def _put_first(messages: list[Message], pictures: list[dict[str, Any]]) -> None:
    """Places pictures that no placeholder asks for before the first words of the user."""
    for message in messages:
        if message["role"] == "user":
            content = message["content"]
            rest = [{"type": "text", "text": content}] if isinstance(content, str) else content
            message["content"] = [*pictures, *rest]
            return
    raise ValueError("expected a message of the user to hold the pictures, got none")


def _picture(name: Any, folder: Path) -> dict[str, Any]:
    if isinstance(name, dict):
        name = name.get("path")
    if not isinstance(name, str) or "://" in name or name.startswith("data:"):
        raise ValueError(f"expected a picture as a path, got {json.dumps(name)[:60]}")
    try:
        with Image.open(folder / name) as image:
            # A JPEG is decoded at a fraction of its size, still no smaller than what is kept.
            image.draft("RGB", (SIDE, SIDE))
            small = image.convert("RGB")
    except FileNotFoundError:
        raise ValueError(f"no such picture: {name}") from None
    except Exception as error:  # a broken file may raise nearly anything in PIL's decoders
        raise ValueError(f"cannot read picture {name}: {error}") from error
    if max(small.size) > 50 * min(small.size):
        raise ValueError(f"expected a picture at most 50 times as long as wide, got {small.width} x {small.height}")
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return {"type": "image", "image": small}


def _check_text(message: Message) -> None:
    content = message["content"]
    texts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
    for text in texts:
        for token in _RESERVED:
            if token in text:
                raise ValueError(f"expected text without {token}, which the chat template writes")
        check_unicode(text)
