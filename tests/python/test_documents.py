"""Every block of every document is run, and every relative link leads somewhere."""

import json
import subprocess
from pathlib import Path

import documents
import pytest
from conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCKS = [block for document in DOCUMENTS for block in documents.blocks(document)]
ELSEWHERE = {"cluster.md"}  # Python that needs what `make test-extra` sets up, which runs it there
LANGUAGES = {"sh", "python", "cpp", "cmake", "json", "text", ""}


def with_language(*languages: str) -> list[Path]:
    return [
        document
        for document in DOCUMENTS
        if any(block.document == document and block.language in languages for block in BLOCKS)
    ]


@pytest.fixture(scope="session")
def install_tree(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The headers, libraries and CMake package of the dev build, installed."""
    if not (root / "build/dev/cmake_install.cmake").exists():
        pytest.skip("there is no dev build: `make test-cpp` first")
    prefix = tmp_path_factory.mktemp("install")
    command = ["cmake", "--install", "build/dev", "--prefix", str(prefix)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return prefix


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_languages(document: Path) -> None:
    assert documents.dead_links(document) == []
    for block in documents.blocks(document):
        assert block.language in LANGUAGES, f"{block.place}: nothing checks the language {block.language!r}"
        if block.language == "json":
            json.loads(block.text)


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "sh"], ids=lambda block: block.place)
def test_commands(block: documents.Block, root: Path, tmp_path: Path) -> None:
    documents.run_shell(block, documents.like_the_repository(tmp_path, root), root)


@pytest.mark.parametrize("document", with_language("python"), ids=lambda path: path.name)
def test_python(document: Path, tmp_path: Path) -> None:
    if document.name in ELSEWHERE:
        pytest.skip("an environment of its own runs it: make test-extra")
    documents.run_python(documents.blocks(document), tmp_path)


@pytest.mark.parametrize("document", with_language("cpp", "cmake"), ids=lambda path: path.name)
def test_cpp(document: Path, tmp_path: Path, install_tree: Path) -> None:
    documents.run_cpp(documents.blocks(document), tmp_path, install_tree)


def written(folder: Path, text: str) -> list[documents.Block]:
    document = folder / "document.md"
    document.write_text(text)
    return documents.blocks(document)


@pytest.mark.parametrize(
    "command",
    [
        "make no-such-target",
        "make bench NAME=nothing",
        "cmake --preset nothing",
        "false",
        "build/fuzz/tests/fuzz/fuzz_no",
    ],
)
def test_a_wrong_command_is_found(command: str, root: Path, tmp_path: Path) -> None:
    (block,) = written(tmp_path, f"# Title\n```sh\nmake test  # all\n{command}\n```\n")
    with pytest.raises(AssertionError):
        documents.run_shell(block, tmp_path, root)


def test_wrong_python_is_found_at_its_line(tmp_path: Path) -> None:
    text = "<!-- setup python\nx = 1\n-->\nText.\n```python\ny = x\n```\n```python\nassert y == 2\n```\n"
    with pytest.raises(AssertionError, match=r"document\.py\", line 9"):
        documents.run_python(written(tmp_path, text), tmp_path)
    documents.run_python(written(tmp_path, text.replace("x = 1", "x = 2")), tmp_path)


def test_wrong_cpp_is_found(tmp_path: Path, install_tree: Path) -> None:
    text = '```cpp\n#include "typetally/typetally.h"\ntypetally::set_num_threads("two");\n```\n'
    with pytest.raises(AssertionError, match="compiling"):
        documents.run_cpp(written(tmp_path, text), tmp_path, install_tree)


def test_an_open_block_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"document\.md:1: the block is never closed"):
        written(tmp_path, "```sh\nmake\n")
