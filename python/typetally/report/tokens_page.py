"""Answers of shown tokens as HTML: a legend, what to colour by, the worst tokens, and the answers themselves."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from typetally.base.token_type import TYPE_NAMES
from typetally.report import pages
from typetally.report.shown_tokens import LEVELS, Score, ShownToken

_WORST = 20


class Rendered:
    """Typed tokens as HTML: `html` is a whole page without references; notebooks show the object inline."""

    def __init__(self, fragment: str, title: str = "typetally") -> None:
        self._fragment = fragment
        self._title = title

    @property
    def html(self) -> str:
        """A self-contained page."""
        css = pages.styles("page.css", "tokens.css")
        body, script = pages.markup(self._fragment), pages.styles("tokens.js")
        return str(pages.fill("tokens_page.html", css=css, body=body, script=script, title=self._title))

    @property
    def fragment(self) -> str:
        """The `<div>` alone, to be placed in a page that has `tokens.css`."""
        return self._fragment

    def _repr_html_(self) -> str:
        css, script = pages.styles("tokens.css"), pages.styles("tokens.js")
        return f"<style>{css}</style>{self._fragment}<script>{script}</script>"


@dataclass(frozen=True)
class Answer:
    """One answer and what is written over it."""

    tokens: list[ShownToken]
    caption: str = ""


@dataclass(frozen=True)
class _Place:
    """A token with a score, and the id that it has in the page if it is among the worst."""

    token: ShownToken
    score: Score
    anchor: str
    caption: str


@dataclass(frozen=True)
class _Entry:
    name: str
    text: str


def assemble(
    answers: Sequence[Answer], title: str = "typetally", unit: str = "tokens", notes: Sequence[str] = ()
) -> Rendered:
    """The page of the answers. unit: what their tokens are called; notes: what to know of the answers as a whole. Ids
    in it are drawn at random, so that several can stand in one notebook."""
    name = f"tt-{secrets.token_hex(5)}"
    places = [
        _Place(token, token.score, f"{name}-{number}-{at}", answer.caption)
        for number, answer in enumerate(answers)
        for at, token in enumerate(answer.tokens)
        if token.score is not None
    ]
    worst = {"nll": _worst(places, lambda score: score.nll), "entropy": _worst(places, lambda score: score.entropy)}
    fragment = pages.fill(
        "tokens.html",
        name=name,
        answers=answers,
        legend=_legend([token for answer in answers for token in answer.tokens], unit),
        notes=notes,
        scale=_scale(),
        worst=worst if places else {},
        anchors={place.anchor for listed in worst.values() for place in listed},
    )
    return Rendered(str(fragment), title)


def _worst(places: list[_Place], value: Callable[[Score], float]) -> list[_Place]:
    def order(place: _Place) -> float:
        return math.inf if math.isnan(value(place.score)) else value(place.score)

    return sorted(places, key=order, reverse=True)[:_WORST]


def _scale() -> list[str]:
    between = [f"{low:g} to {high:g}" for low, high in pairwise(LEVELS)]
    return [f"< {LEVELS[0]:g}", *between, f"≥ {LEVELS[-1]:g}"]


def _legend(tokens: Sequence[ShownToken], unit: str) -> list[_Entry]:
    entries = []
    for name in TYPE_NAMES.values():
        chosen = [token for token in tokens if token.name == name]
        if not chosen:
            continue
        text = f"{unit}: {len(chosen):,}"
        if scores := [token.score for token in chosen if token.score is not None]:
            hits = fmean(not score.missed for score in scores)
            nll, entropy = fmean(score.nll for score in scores), fmean(score.entropy for score in scores)
            text += f", accuracy {hits:.3f}, nll {nll:.3f}, entropy {entropy:.3f}"
        entries.append(_Entry(name, text))
    return entries
