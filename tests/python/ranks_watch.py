"""Counts the collectives that typetally itself starts."""

import sys
from contextlib import contextmanager
from unittest.mock import patch

from torch import distributed

COLLECTIVES = [
    name
    for name in dir(distributed)
    if name.startswith(("all_", "broadcast", "reduce", "gather", "scatter", "barrier", "send", "recv", "monitored_"))
    and callable(getattr(distributed, name))
]
CARRIERS = ("torch.", "accelerate.", "unittest.", "contextlib", __name__)


def _owner(frame):
    """The package that wants the collective: the nearest caller that is no carrier of it."""
    while frame and frame.f_globals.get("__name__", "").startswith(CARRIERS):
        frame = frame.f_back
    return frame.f_globals["__name__"].partition(".")[0] if frame else ""


@contextmanager
def collectives_of_ours():
    """A list that gets the name of each collective that typetally starts."""
    seen = []

    def counted(name, inner):
        def call(*args, **kwargs):
            if _owner(sys._getframe(1)) == "typetally":
                seen.append(name)
            return inner(*args, **kwargs)

        return call

    with patch.multiple(distributed, **{n: counted(n, getattr(distributed, n)) for n in COLLECTIVES}):
        yield seen
