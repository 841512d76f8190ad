"""Checks style and types: clang-format, ruff, mypy, clang-tidy on the core. With --fix, formats instead.

clang-tidy is slow, so a file that passed is remembered by the content of everything that its result depends on.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/dev"
CACHE = ROOT / "build/tidy"
CXX_FOLDERS = ("include", "src", "tests", "bench", "examples", "python/bindings")
PYTHON_FOLDERS = ("python", "tests", "tools", "bench", "examples")


def run(*command: str | Path) -> bool:
    """Runs one checker in the repository's root; True where it is content."""
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def present(folders: Iterable[str]) -> list[str]:
    return [folder for folder in folders if (ROOT / folder).is_dir()]


def cxx_files() -> list[Path]:
    return sorted(
        path for top in present(CXX_FOLDERS) for path in (ROOT / top).rglob("*") if path.suffix in {".h", ".cc", ".cu"}
    )


def own_headers_of(objects: str) -> dict[str, list[Path]]:
    """For each object file, the project's files that its last compilation read, from ninja's dependency log."""
    headers: dict[str, list[Path]] = {}
    current = ""
    for line in objects.splitlines():
        if not line.startswith(" "):
            current = line.partition(":")[0]
        elif (path := (BUILD / line.strip()).resolve()).is_relative_to(ROOT):
            headers.setdefault(current, []).append(path)
    return headers


def tidy_keys() -> dict[Path, str]:
    """For each source file of the core, a hash of what clang-tidy's verdict depends on."""
    dependencies = own_headers_of(subprocess.check_output(["ninja", "-C", BUILD, "-t", "deps"], text=True))
    common = (ROOT / ".clang-tidy").read_bytes() + subprocess.check_output(["clang-tidy", "--version"])
    keys = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        source = Path(entry["file"])
        if not source.is_relative_to(ROOT / "src"):
            continue
        digest = hashlib.sha256(common + entry["command"].encode())
        for path in sorted(dependencies.get(entry["output"], cxx_files())):
            digest.update(path.read_bytes())
        keys[source] = digest.hexdigest()
    return keys


def tidy(source: Path, key: str) -> bool:
    """Runs clang-tidy on one file unless it has passed in this very form."""
    passed = CACHE / key
    if passed.exists():
        return True
    done = subprocess.run(
        ["clang-tidy", "--quiet", "-p", BUILD, source], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        passed.touch()
    else:
        print(done.stdout, done.stderr[-2000:], sep="", flush=True)
    return done.returncode == 0


def tidy_core() -> bool:
    CACHE.mkdir(parents=True, exist_ok=True)
    keys = tidy_keys()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return all(list(pool.map(tidy, keys.keys(), keys.values())))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fix", action="store_true", help="format the sources instead of checking them")
    fix = parser.parse_args().fix
    python = present(PYTHON_FOLDERS)
    if fix:
        good = [
            run("clang-format", "-i", *cxx_files()),
            run("ruff", "check", "--fix-only", "--quiet", *python),
            run("ruff", "format", "--quiet", *python),
        ]
        return 0 if all(good) else 1
    verdicts = {
        "clang-format": run("clang-format", "--dry-run", "-Werror", *cxx_files()),
        "ruff check": run("ruff", "check", "--quiet", *python),
        "ruff format": run("ruff", "format", "--check", "--quiet", *python),
        "mypy": run("mypy", "--no-error-summary"),
        "clang-tidy": tidy_core(),
    }
    print("lint: " + ", ".join(f"{name} {'ok' if good else 'FAILED'}" for name, good in verdicts.items()))
    return 0 if all(verdicts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
