"""Grammars: tables that say how a family of models writes groundings, and the built-in ten."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from typetally import _core


class GrammarInfo(NamedTuple):
    """A built-in grammar, as `typetally grammars` shows it."""

    name: str
    summary: str  # one line: which models write so
    example: str  # an answer in it
    delimiters: list[tuple[str, str]]  # tags that open and close


def grammars() -> list[str]:
    """The names of the built-in grammars, in the order in which `auto` asks them."""
    return [info.name for info in describe_grammars()]


def describe_grammars() -> list[GrammarInfo]:
    """The built-in grammars with a line on each and an example."""
    return [GrammarInfo(*entry) for entry in _core.grammars()]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grammar:
    """A user's own table, for `TokenTyper(vocab, grammar=...)`. ValueError names the field that is wrong.

    Attributes:
        name: lower-case letters, digits and `_`.
        summary: one line on who writes so.
        example: an answer in it.
        layout: the shapes that are looked for in prose: "tags" (delimiters and coordinate tokens), "json",
            "brackets" (`[x, y]`, `(x1, y1, x2, y2)`), "calls" (`Action: click(point='(1, 2)')`).
        delimiters: (open, close, role) each; what stands between is "desc", "coord" (its numbers) or "format".
            `<name>` admits attributes, any other opening, as `<|ref|>`, is literal.
        atoms: coordinate tokens; `{4}` or `{1,4}` stands for that many digits: "<loc{4}>".
        keys: {"desc": [...], "coord": [...], "tracks": [...]}: dict keys, attributes or arguments by what their values
            are; outside JSON a final `#` stands for any digits. "tracks" hold groups "frame id x y id x y ...".
            None: the default keys for JSON, none elsewhere.
        separators: ASCII punctuation that is trimmed from a description like spaces.
        counts: how many numbers make a box, for "brackets".
        labels, verbs, said: for "calls": what opens a line before a colon, the commands that stand at the start
            of a line, and those of them whose operand is typed or said.
    """

    name: str
    summary: str = ""
    example: str = ""
    layout: Sequence[str] = ("tags",)
    delimiters: Sequence[tuple[str, str, str]] = ()
    atoms: Sequence[str] = ()
    keys: Mapping[str, Sequence[str]] | None = None
    separators: str = ""
    counts: Sequence[int] = (2, 4, 8)
    labels: Sequence[str] = ()
    verbs: Sequence[str] = ()
    said: Sequence[str] = ()

    def __post_init__(self) -> None:
        _core.check_grammar(self.to_json())

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Grammar:
        """Reads a JSON object whose fields are the attributes. ValueError names the file and the field."""
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8")
            _core.check_grammar(text)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ValueError(f"[Grammar.from_file] {os.fspath(path)}: {reason}") from None
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """The table as from_file reads it. TypeError for values that JSON does not know."""
        fields: dict[str, Any] = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        if fields["keys"] is None:
            del fields["keys"]
        return json.dumps(fields, ensure_ascii=False)


def make_marker(
    grammar: str | Grammar = "auto",
    desc_keys: Sequence[str] | None = None,
    coord_keys: Sequence[str] | None = None,
) -> _core.Marker:
    """The core's marker of a grammar, or of "auto". Keys replace those of JSON. ValueError lists the known names, and
    says which of them an unknown one may stand for."""
    desc = None if desc_keys is None else list(desc_keys)
    coord = None if coord_keys is None else list(coord_keys)
    if isinstance(grammar, Grammar):
        return _core.Marker.from_json(grammar.to_json(), desc, coord)
    if not isinstance(grammar, str):
        raise TypeError(f"[TokenTyper] expected a grammar's name or a Grammar, got {type(grammar).__name__}")
    try:
        return _core.Marker.by_name(grammar, desc, coord)
    except ValueError as error:
        raise ValueError(f"{error}{_advice(grammar)}") from None


def _advice(name: str) -> str:
    known = ["auto", *grammars()]
    if name in known:
        return ""
    if name.endswith(".json"):
        return "; Grammar.from_file reads a table"
    close = difflib.get_close_matches(name.lower(), known, 1)
    return f"; did you mean {close[0]}?" if close else ""


def grammar_of(marker: _core.Marker, text: bytes) -> str:
    """The name of the grammar by which `marker` types this answer: its own, or what `auto` takes."""
    return marker.detect(text) if marker.name == "auto" else marker.name
