"""Runs the benchmarks of bench/, or the one that is named: <name>_bench.cc (release preset) and <name>_bench.py."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "bench"


def run(*command: str | Path) -> None:
    print(f"\n==== {' '.join(Path(str(part)).name for part in command)}", flush=True)
    failed = subprocess.run(command, cwd=ROOT, check=False).returncode
    if failed:
        sys.exit(failed)


def run_python(name: str) -> None:
    """In .venv, or in the environment of its own that `make test-extra` makes for what the benchmark is about."""
    extra = name.removesuffix("_bench")
    python = ROOT / f".venv-{extra}/bin/python" if (ROOT / "tests/extra" / extra).is_dir() else Path(sys.executable)
    if python.exists():
        run(python, BENCH / f"{name}.py")
    else:
        print(f"\n==== {name}.py needs the environment that `make test-{extra}` makes", flush=True)


def main() -> int:
    names = {path.stem for suffix in ("cc", "py") for path in BENCH.glob(f"*_bench.{suffix}")}
    if len(sys.argv) > 1:
        wanted = {f"{sys.argv[1]}_bench"}
        if not wanted <= names:
            known = ", ".join(sorted(name.removesuffix("_bench") for name in names))
            print(f"bench: expected one of {known}, got {sys.argv[1]}", file=sys.stderr)
            return 2
        names = wanted
    compiled = sorted(name for name in names if (BENCH / f"{name}.cc").exists())
    if compiled:
        subprocess.run(["cmake", "--preset", "release", "--log-level=WARNING"], cwd=ROOT, check=True)
        subprocess.run(["cmake", "--build", "--preset", "release", "--target", *compiled], cwd=ROOT, check=True)
    for name in sorted(names):
        if name in compiled:
            run(ROOT / "build/release/bench" / name)
        if (BENCH / f"{name}.py").exists():
            run_python(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
