"""Run by the interpreter of an environment that holds nothing but the wheel: it works, and with its own libraries."""

import importlib.util
import sys
from pathlib import Path

import typetally

ENVIRONMENT = Path(sys.prefix).resolve()
BUNDLED = ("libhwy", "libsimdjson", "libtbb")


def loaded_libraries() -> set[Path]:
    """The shared libraries of BUNDLED that this process has loaded."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    paths = {Path(line.split(maxsplit=5)[5]) for line in lines if ".so" in line}
    return {path for path in paths if path.name.startswith(BUNDLED)}


def main() -> None:
    package = Path(typetally.__file__).resolve()
    assert package.is_relative_to(ENVIRONMENT), f"{package} is not from the wheel"
    assert importlib.util.find_spec("torch") is None, "the environment is not clean: it has torch"
    missing = [name for name in typetally.__all__ if not hasattr(typetally, name)]
    assert not missing, f"typetally lacks {missing}"
    libraries = loaded_libraries()
    strays = [path for path in libraries if not path.is_relative_to(ENVIRONMENT)]
    assert not strays, f"{strays} are the system's, not the wheel's"
    names = {path.name.partition("-")[0].partition(".")[0] for path in libraries}
    print(f"wheel: {len(typetally.__all__)} names, without torch, with its own {', '.join(sorted(names)) or 'nothing'}")
    assert {"libsimdjson", "libtbb"} <= names, "the wheel's own libraries are not what is loaded"


if __name__ == "__main__":
    main()
