"""Tokens as they are shown: their text with all of it visible, and what is known of them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from typetally.base.token_type import TYPE_NAMES

LEVELS = (0.1, 0.5, 1.0, 2.0, 4.0)
"""Where one colour of nll and entropy ends and the next begins, in nats: chances of 90, 61, 37, 14 and 2 % for nll."""

# Characters that would not show, by something that does. A line break keeps breaking the line.
_STAND_INS = {"\n": "⏎\n", "\t": "⇥\t", "\r": "␍"}


@dataclass(frozen=True)
class Piece:
    """A stretch of a token's text; `stand_in` where it is not the text itself but stands for it."""

    text: str
    stand_in: bool


@dataclass(frozen=True)
class Score:
    """What the model made of a token: nll and entropy in nats, the label's rank, and what it would have chosen."""

    nll: float
    entropy: float
    rank: int
    choice: str | None

    @property
    def missed(self) -> bool:
        return self.rank > 0

    @property
    def nll_level(self) -> int:
        return level(self.nll)

    @property
    def entropy_level(self) -> int:
        return level(self.entropy)


@dataclass(frozen=True)
class ShownToken:
    """One token: its type's name, its text, what hovering tells, and its score where there is one."""

    name: str
    pieces: list[Piece]
    facts: list[str]
    score: Score | None = None

    @property
    def hover(self) -> str:
        """A line for each fact."""
        return "\n".join(self.facts)

    @property
    def ends_line(self) -> bool:
        """Whether the next token begins a line. The break goes behind the token, or its border would go on there."""
        return self.pieces[-1].text.endswith("\n")

    @property
    def text(self) -> str:
        """The token in one line."""
        return one_line(self.pieces)


def level(value: float) -> int:
    """The colour of a value: 0 below the first of LEVELS, 5 from the last on and for NaN."""
    return next((at for at, limit in enumerate(LEVELS) if value < limit), len(LEVELS))


def show_token(raw: bytes | None, kind: int, token: int | None = None, score: Score | None = None) -> ShownToken:
    """A token of bytes `raw` and type `kind`. token: its id, or None for a stretch of text that is no token. raw: None
    for an id that the vocabulary lacks; it shows as its number."""
    facts = [TYPE_NAMES[kind]]
    if token is not None:
        facts = [f"id {token}", *facts]
    facts.append("not in the vocabulary" if raw is None else f"bytes {raw.hex(' ')}")
    if score is not None:
        facts += [f"nll {score.nll:.3f}", f"entropy {score.entropy:.3f}", f"rank {score.rank}"]
        if score.choice is not None:
            facts.append(f"model's choice “{score.choice}”")
    return ShownToken(TYPE_NAMES[kind], pieces(raw) if raw else [Piece(f"⟨{token}⟩", stand_in=True)], facts, score)


def pieces(raw: bytes) -> list[Piece]:
    """`raw` as text that shows all of it: bytes that are no whole character in hex, control characters by stand-ins."""
    found: list[Piece] = []
    for char in raw.decode("utf-8", "surrogateescape"):
        shown = _visible(char)
        stand_in = shown != char
        if found and not stand_in and not found[-1].stand_in:
            found[-1] = Piece(found[-1].text + shown, stand_in)
        else:
            found.append(Piece(shown, stand_in))
    return found


def one_line(found: list[Piece]) -> str:
    """The pieces without the line breaks that their stand-ins keep."""
    return "".join(piece.text.rstrip("\n") if piece.stand_in else piece.text for piece in found)


def _visible(char: str) -> str:
    if "\udc80" <= char <= "\udcff":
        return f"⟨{ord(char) - 0xDC00:02x}⟩"
    if char in _STAND_INS:
        return _STAND_INS[char]
    if char < " ":
        return chr(0x2400 + ord(char))
    if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp"):
        return f"⟨U+{ord(char):04X}⟩"
    return char
