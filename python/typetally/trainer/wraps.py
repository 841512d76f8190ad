"""Methods wrapped on a trainer instance, and taken off again without a trace."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class Wraps:
    """Wraps methods of one object; `around(inner, *args, **kwargs)` is called in a method's place."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner
        self._undo: list[tuple[str, Any, Any]] = []
        self._active = True

    def wrap(self, name: str, around: Callable[..., Any]) -> None:
        inner = getattr(self._owner, name)

        @functools.wraps(inner)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return around(inner, *args, **kwargs) if self._active else inner(*args, **kwargs)

        self._undo.append((name, wrapped, vars(self._owner).get(name)))
        setattr(self._owner, name, wrapped)

    def remove(self) -> None:
        """Restores what was there. A method that someone else has wrapped since stays wrapped, and ours inside it only
        passes on."""
        self._active = False
        for name, wrapped, before in reversed(self._undo):
            if vars(self._owner).get(name) is not wrapped:
                continue
            if before is None:
                delattr(self._owner, name)
            else:
                setattr(self._owner, name, before)
