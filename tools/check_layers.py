"""Fails on an include that goes against the data flow, and on foreign headers where they do not belong.

A component may include itself and the components before it. Only the bindings include nanobind or Python.
"""

import re
import sys
from pathlib import Path

COMPONENTS = ("base", "text", "typing", "batch", "tally", "report")
INCLUDE = re.compile(r'^\s*#\s*include\s*["<](?:typetally/)?([a-z_]+)/')
FOREIGN = re.compile(r'^\s*#\s*include\s*["<](nanobind/|pybind11/|Python\.h|torch/|ATen/)')
SUFFIXES = {".h", ".cc", ".cu", ".cuh", ".inc"}


def component_of(path: Path, root: Path) -> str | None:
    """The component that a file belongs to; None for typetally.h, which includes them all."""
    parts = path.relative_to(root).parts
    name = parts[2] if parts[0] == "include" else parts[1]
    return name if name in COMPONENTS else None


def violations(root: Path) -> list[str]:
    """One line for each offending include under root's src and include."""
    found = []
    files = sorted(path for top in ("src", "include") for path in (root / top).rglob("*"))
    for path in (file for file in files if file.suffix in SUFFIXES):
        own = component_of(path, root)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            where = f"{path.relative_to(root)}:{number}: {line.strip()}"
            included = INCLUDE.match(line)
            if FOREIGN.match(line):
                found.append(f"{where} is for the bindings alone")
            elif own and included and included[1] in COMPONENTS[COMPONENTS.index(own) + 1 :]:
                found.append(f"{where} goes from {own} to the later {included[1]}")
    return found


def main() -> int:
    found = violations(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
    print("\n".join([*found, f"layers: {len(found)} violations"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
