"""Everything that a GPU has to say about the CUDA kernels: builds them, then tests, sanitizers and benchmarks.

    tools/test_cuda.py [--logs DIR] [--kit DIR] [STAGE ...]

Stages: build, cpp, python, sanitize, bench; all of them by default. Needs a CUDA device and nvcc, and for `sanitize`
compute-sanitizer; runs under the Python that it is called with, whose Torch must be one with CUDA. Without a device
nothing passes. --kit names what tools/cuda_kit.sh gathered, for a machine without a network. Leaves .venv as it is: the
package with the kernels goes to build/cuda/site.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from run_stages import Outcome, report, run

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/cuda"
SITE = BUILD / "site"
CPP = ("tally_row_stats_test_cc", "tally_packed_test_cc", "tally_cuda_tally_test_cc")
PYTHON = ("test_cuda_route.py", "test_cuda_attach.py", "test_device_route.py")
BENCHES = ("row_stats_cuda", "hidden_cuda", "attach_cuda")
# An editable install, as .venv has one, goes before PYTHONPATH unless its finder is taken away.
SITE_FIRST = """import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "ScikitBuildRedirectingFinder"]
"""
# Whole vocabularies, and what launches nothing, would keep the sanitizers busy for long.
SANITIZED = "*CUDA_bfloat16:*CUDA_float16:*CUDA_float32:*/CUDA:-*AWholeVocabulary*:*OneLogitFarAbove*"


def environment(kit: Path | None) -> dict[str, str]:
    """Where compilers, libraries and packages are found."""
    env = dict(os.environ)
    paths = [str(Path(sys.executable).parent), env["PATH"]]
    if Path("/usr/local/cuda/bin").is_dir():
        paths.insert(1, "/usr/local/cuda/bin")
    packages = [str(SITE)]
    if kit is not None:
        libraries = next((kit / "usr/lib").glob("*-linux-gnu"))
        packages.append(str(kit / "site"))
        env["CMAKE_PREFIX_PATH"] = str(kit / "usr")
        env["LD_LIBRARY_PATH"] = f"{libraries}:{env.get('LD_LIBRARY_PATH', '')}"
    env["PATH"] = ":".join(paths)
    env["PYTHONPATH"] = ":".join([*packages, env.get("PYTHONPATH", "")])
    env["PYTHONUNBUFFERED"] = "1"
    return env


def building(kit: Path | None) -> dict[str, str]:
    strict = "ON" if kit is None else "OFF"  # another compiler than ours may warn of other things
    targets = " ".join(CPP)
    install = f"""{sys.executable} -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps
        --upgrade --target {SITE} -C build-dir=build/cuda/python -C cmake.define.TYPETALLY_CUDA=ON ."""
    return {
        "build": f"""cmake --preset cuda --log-level=WARNING -DTYPETALLY_WERROR={strict}
            && cmake --build --preset cuda --target {targets} && {install}"""
    }


def stages(kit: Path | None) -> dict[str, dict[str, str]]:
    """The commands of each stage by the name of their log; files and folders are relative to the repository."""
    python = sys.executable
    tests = " ".join(f"tests/python/{name}" for name in PYTHON)
    sanitizer = "compute-sanitizer --error-exitcode 1 --print-limit 20 --tool"
    tools = {"memcheck": "--leak-check full", "racecheck": "", "initcheck": ""}
    return {
        "build": building(kit),
        "cpp": {"cpp": " && ".join(f"build/cuda/tests/{name} --gtest_brief=1" for name in CPP)},
        "python": {"python": f"{python} -m pytest -p no:cacheprovider {tests}"},
        "sanitize": {
            "sanitize": " && ".join(
                f"{sanitizer} {tool} {options} build/cuda/tests/{name} --gtest_brief=1 '--gtest_filter={SANITIZED}'"
                for tool, options in tools.items()
                for name in CPP
                if "packed" not in name
            )
        },
        "bench": {name: f"{python} bench/{name}_bench.py" for name in BENCHES},
    }


def has_device() -> bool:
    """Asked of the package that was built, in a process of its own."""
    ask = "import torch, typetally._core as c; raise SystemExit(not (torch.cuda.is_available() and c.cuda_devices()))"
    return subprocess.run([sys.executable, "-c", ask], cwd=BUILD, check=False).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=Path, default=ROOT / "build/logs")
    parser.add_argument("--kit", type=Path)
    known = stages(None)
    parser.add_argument("stages", nargs="*", choices=[*known, []], default=[])
    arguments = parser.parse_args()
    kit = None if arguments.kit is None else arguments.kit.resolve()
    arguments.logs.mkdir(parents=True, exist_ok=True)
    os.environ.update(environment(kit))
    os.chdir(ROOT)
    outcomes: list[Outcome] = []
    for stage, commands in stages(kit).items():
        if arguments.stages and stage not in arguments.stages:
            continue
        if stage != "build" and not has_device():
            outcomes.append(Outcome(stage, 0, 1, "no CUDA device, or no build with CUDA"))
            continue
        SITE.mkdir(parents=True, exist_ok=True)
        (SITE / "sitecustomize.py").write_text(SITE_FIRST)
        for name, command in commands.items():
            outcomes.append(run(name, ["bash", "-c", command.replace("\n", " ")], arguments.logs))
    return report(outcomes)


if __name__ == "__main__":
    sys.exit(main())
