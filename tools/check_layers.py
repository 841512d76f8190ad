"""Fails on an include or import that goes against the data flow, and on foreign headers where they do not belong.

A room may use itself and the rooms before it. Only the bindings include nanobind or Python.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

CORE = ("base", "text", "typing", "batch", "tally", "report")
ROOMS = (*CORE, "model", "collator", "isolation", "trainer", "audit", "ray", "demo", "cli", "plugins")
INCLUDE = re.compile(r'^\s*#\s*include\s*["<](?:typetally/)?([a-z_]+)/')
IMPORT = re.compile(r"^\s*(?:from|import)\s+typetally\.([a-z_]+)\b")
FOREIGN = re.compile(r'^\s*#\s*include\s*["<](nanobind/|pybind11/|Python\.h|torch/|ATen/)')
SUFFIXES = {".h", ".cc", ".cu", ".cuh", ".inc"}


def room_of(path: Path, root: Path) -> str | None:
    """The room that a file stands in; None for typetally.h and the package's own __init__.py, which use them all."""
    parts = path.relative_to(root).parts
    name = parts[1] if parts[0] == "src" else parts[2]
    return name if name in ROOMS else None


def sources(root: Path) -> Iterator[tuple[Path, re.Pattern[str]]]:
    """The files of the core and of the package, each with the pattern of a line that uses a room."""
    for top in ("src", "include"):
        yield from ((path, INCLUDE) for path in sorted((root / top).rglob("*")) if path.suffix in SUFFIXES)
    yield from ((path, IMPORT) for path in sorted((root / "python/typetally").rglob("*.py")))


def violations(root: Path) -> list[str]:
    """One line for each offending include or import."""
    found = []
    for path, uses in sources(root):
        own = room_of(path, root)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            where = f"{path.relative_to(root)}:{number}: {line.strip()}"
            used = uses.match(line)
            if FOREIGN.match(line):
                found.append(f"{where} is for the bindings alone")
            elif own and used and used[1] in ROOMS[ROOMS.index(own) + 1 :]:
                found.append(f"{where} goes from {own} to the later {used[1]}")
    return found


def main() -> int:
    found = violations(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
    print("\n".join([*found, f"layers: {len(found)} violations"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
