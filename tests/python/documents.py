"""Reads the fenced blocks of Markdown documents and checks each by running it.

A hidden comment `<!-- setup python ... -->` or `<!-- setup cpp ... -->` gives the blocks after it what a reader is
assumed to have: a trainer, a batch, an include.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OPENING = re.compile(r"^(?:```(?P<language>\w*)|<!-- setup (?P<setup>python|cpp))\s*$")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@dataclass(frozen=True)
class Block:
    """A fenced block or setup comment: `text` begins on the line after `line`, counted from 1."""

    document: Path
    line: int
    language: str
    text: str
    hidden: bool = False

    @property
    def place(self) -> str:
        return f"{self.document.name}:{self.line}"


def blocks(document: Path) -> list[Block]:
    """All blocks of a document, in order. One that is never closed is an error."""
    found = []
    lines = iter(enumerate(document.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        opening = OPENING.match(line)
        if not opening:
            continue
        closing = "-->" if opening["setup"] else "```"
        text = []
        for _, inner in lines:
            if inner.strip() == closing:
                break
            text.append(inner)
        else:
            raise ValueError(f"{document.name}:{number}: the block is never closed")
        language = opening["setup"] or opening["language"]
        found.append(Block(document, number, language, "\n".join(text) + "\n", bool(opening["setup"])))
    return found


def dead_links(document: Path) -> list[str]:
    """The relative links of a document that lead nowhere."""
    links = LINK.findall(document.read_text(encoding="utf-8"))
    return [link for link in links if not (document.parent / link).exists()]


def run(command: list[str], folder: Path, what: str, **environment: str) -> None:
    """Runs a command; an AssertionError that quotes its output where it fails."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": tools, "HF_HUB_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{what} exits with {done.returncode}:\n{(done.stdout + done.stderr)[-4000:]}"


def run_python(found: list[Block], folder: Path) -> None:
    """Runs a document's Python blocks as one program in which every line keeps its number."""
    lines: list[str] = []
    for block in (one for one in found if one.language == "python"):
        lines += [""] * (block.line - len(lines))
        lines += block.text.splitlines()
    program = folder / f"{found[0].document.stem}.py"
    program.write_text("\n".join(lines) + "\n")
    run([sys.executable, program.name], folder, f"the Python of {found[0].document.name}")


def as_program(setup: str, text: str) -> str:
    """A whole C++ program: `text` itself, or the statements of `text` in a main function."""
    if "int main(" in text:
        return setup + text
    lines = (setup + text).splitlines(keepends=True)
    includes = [line for line in lines if line.startswith("#include")]
    statements = [line for line in lines if not line.startswith("#include")]
    return "".join([*includes, "int main() {\n", *statements, "}\n"])


def run_cpp(found: list[Block], folder: Path, prefix: Path) -> None:
    """Compiles each C++ block against the install tree, with the document's own CMake lines, and runs it."""
    cmake = "".join(block.text for block in found if block.language == "cmake")
    default = "find_package(typetally REQUIRED)\ntarget_link_libraries(app PRIVATE typetally::typetally)\n"
    head = "cmake_minimum_required(VERSION 3.25)\nproject(app LANGUAGES CXX)\nadd_executable(app main.cc)\n"
    setup = ""
    for block in found:
        if block.language == "cpp" and block.hidden:
            setup += block.text
        elif block.language == "cpp":
            source = folder / f"line_{block.line}"
            source.mkdir()
            (source / "CMakeLists.txt").write_text(head + (cmake or default))
            (source / "main.cc").write_text(as_program(setup, block.text))
            configure = ["cmake", "-S", ".", "-B", "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}"]
            run(configure, source, f"configuring {block.place}")
            run(["cmake", "--build", "build"], source, f"compiling {block.place}")
            run([str(source / "build/app")], folder, block.place)


def commands(text: str) -> list[str]:
    """The commands of a shell block: continued lines joined, comments and blank lines left out."""
    joined = text.replace("\\\n", " ").splitlines()
    return [line for line in joined if shlex.split(line, comments=True)]


def check_make(words: list[str], root: Path) -> None:
    run(["make", "--dry-run", *words[1:]], root, " ".join(words))
    for name in (word.removeprefix("NAME=") for word in words if word.startswith("NAME=")):
        assert list((root / "bench").glob(f"{name}_bench.*")), f"there is no benchmark {name}"


def check_preset(words: list[str], root: Path) -> None:
    presets = json.loads((root / "CMakePresets.json").read_text())["configurePresets"]
    name = words[words.index("--preset") + 1]
    assert name in {preset["name"] for preset in presets}, f"there is no preset {name}"


def check_fuzz(words: list[str], root: Path) -> None:
    name = Path(words[0]).name.removeprefix("fuzz_")
    assert (root / f"tests/fuzz/{name}_fuzz.cc").exists(), f"there is no fuzz target {name}"


def elsewhere(_words: list[str], _root: Path) -> None:
    """Nothing to check here: it is how a reader gets the sources, or another test's job to run it."""


# What CI runs itself, or what takes minutes, is checked for being there; everything else is executed.
KNOWN: list[tuple[str, Callable[[list[str], Path], None]]] = [
    (r"make\b", check_make),
    (r"(cmake|ctest) .*--preset ", check_preset),
    (r"build/fuzz/tests/fuzz/fuzz_\w+", check_fuzz),
    (r"git clone ", elsewhere),
    (r"swift sft ", elsewhere),  # tests/extra/swift
    (r"(python|ACCELERATE_USE_CPU=true torchrun .*) examples/\w+\.py$", elsewhere),  # test_examples.py
    (r"cd \w+$", elsewhere),
    (r"pip (install (typetally|\.)|wheel )", elsewhere),  # make test-wheel
    (r"(\.venv/bin/)?typetally demo\b", elsewhere),
]


def run_shell(block: Block, folder: Path, root: Path) -> None:
    """Runs or recognises each command of a block; `folder` looks like the repository to it."""
    for command in commands(block.text):
        words = shlex.split(command, comments=True)
        known = (check for pattern, check in KNOWN if re.match(pattern, " ".join(words)))
        if check := next(known, None):
            check(words, root)
        else:
            run(["bash", "-euo", "pipefail", "-c", command], folder, f"{block.place}: {command}")


def like_the_repository(folder: Path, root: Path) -> Path:
    """Fills `folder` with links to what the repository holds, so that what a command writes stays out of it."""
    for entry in root.iterdir():
        if entry.name not in {"build", "dist", "runs", ".git"}:
            (folder / entry.name).symlink_to(entry)
    return folder
