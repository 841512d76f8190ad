"""HACKING's "Add a grammar in five steps", followed: its table goes into tables.cc, and the core marks by it."""

import json
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

import typetally as tt
from typetally.text.grammar import make_marker

CASES = [  # step 2
    [["desc", "An image of"], ["format", " <phrase>"], ["desc", "a snowman"], ["format", "</phrase><object>"],
     ["coord", "<patch_index_0044><patch_index_0863>"], ["format", "</object> "], ["desc", "by a fire."]],
    [["format", "<phrase>"], ["desc", "a fi"]],
    [["format", "<phrase>"], ["desc", "a fire"], ["format", "<object>"], ["coord", "<patch_index_0005>"],
     ["format", "<patch_index_09"]],
]  # fmt: skip
MAIN = r"""
#include <iostream>
#include <iterator>
#include <string>

#include "typetally/text/grammar.h"

int main() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  for (const char* name : {"kosmos", "auto"}) {
    const auto marker = typetally::Marker::create(name).value();
    std::vector<typetally::Span> spans;
    marker.mark(text, {}, spans);
    std::cout << marker.detect(text);
    for (const auto& span : spans) std::cout << " " << typetally::name(span.type) << " " << span.end - span.begin;
    std::cout << "\n";
  }
}
"""


def table_of_hacking(root: Path) -> str:
    section = (root / "HACKING.md").read_text(encoding="utf-8").split("## Add a grammar in five steps")[1]
    found = re.search(r"```text\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return textwrap.dedent("   " + found[1].lstrip())


@pytest.fixture(scope="module")
def program(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Steps 3 and 4 on a copy of tables.cc, linked before the library's own."""
    libraries = [root / f"build/dev/src/{room}/libtypetally_{room}.a" for room in ("text", "base")]
    compiler = shutil.which("c++")
    if compiler is None or not all(library.exists() for library in libraries):
        pytest.skip("needs the dev build")
    folder = tmp_path_factory.mktemp("kosmos")
    tables = (root / "src/text/grammar/tables.cc").read_text(encoding="utf-8")
    tables = tables.replace("Grammar brackets() {", table_of_hacking(root) + "\nGrammar brackets() {", 1)
    tables = tables.replace(" brackets()}", " kosmos(), brackets()}", 1)
    (folder / "tables.cc").write_text(tables, encoding="utf-8")
    (folder / "main.cc").write_text(MAIN, encoding="utf-8")
    command = [
        compiler,
        "-std=c++20",
        f"-I{root / 'include'}",
        "main.cc",
        "tables.cc",
        *map(str, libraries),
        "-lsimdjson",
    ]
    subprocess.run([*command, "-o", "program"], cwd=folder, check=True)
    return folder / "program"


@pytest.mark.parametrize("pieces", CASES, ids=["whole", "cut", "malformed"])
def test_the_core_marks_by_the_new_table(program: Path, pieces: list[list[str]]) -> None:
    text = "".join(part for _, part in pieces)
    ran = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    wanted = " ".join(f"{kind} {len(part)}" for kind, part in pieces)
    assert ran.stdout.splitlines() == [f"kosmos {wanted}", f"kosmos {wanted}"]


def test_the_same_table_needs_no_compiler(root: Path, tmp_path: Path) -> None:
    """Step 1."""
    table = table_of_hacking(root)
    fields = {name: json.loads(value) for name, value in re.findall(r'\.(\w+) = (".*?"),\n', table)}
    fields["delimiters"] = [["<phrase>", "</phrase>", "desc"], ["<object>", "</object>", "coord"]]
    fields["atoms"] = ["<patch_index_{4}>"]
    path = tmp_path / "kosmos.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    marker = make_marker(tt.Grammar.from_file(path))
    for pieces in CASES:
        spans = marker.spans("".join(part for _, part in pieces).encode())
        wanted = [(len(part), {"desc": 1, "coord": 2, "format": 3}[kind]) for kind, part in pieces]
        assert [(end - begin, kind) for begin, end, kind in spans] == wanted


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "Kosmos 2"}, r"name: expected lower-case letters, digits and _, got .Kosmos 2"),
        ({"name": "a", "layout": ["yaml"]}, r"layout\[0\]: expected json, tags, brackets or calls, got .yaml"),
        ({"name": "a", "delimiters": [["<a>", "</a>"]]}, r"delimiters\[0\]: expected \[open, close, role\]"),
        ({"name": "a", "delimiters": [["<a>", "</a>", "box"]]}, r"delimiters\[0\]: expected desc, coord or format"),
        ({"name": "a", "atoms": ["<loc>"]}, r"atoms: expected a pattern as <loc\{4\}>, got .<loc>"),
        ({"name": "a", "keys": {"desc": ["k"], "coord": ["k"]}}, r"keys: .k. is in both desc and coord"),
        ({"name": "a", "keys": {"box": []}}, r"keys.box: unknown; the fields of keys are desc, coord, tracks"),
        ({"name": "a", "counts": [0]}, r"counts\[0\]: expected a number from 1 to 1000, got 0"),
        ({"name": "a", "separators": "x"}, r"separators: expected ASCII punctuation, got .x"),
        ({"name": "a", "labels": ["a-b"]}, r"labels: expected words of letters, digits and _, got .a-b"),
    ],
)
def test_errors_say_which_field_is_wrong(fields: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "grammar.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as refused:
        tt.Grammar.from_file(path)
    assert str(path) in str(refused.value)
    with pytest.raises(ValueError, match=message):
        tt.Grammar(**fields)  # type: ignore[arg-type]


def test_unknown_grammars_and_fields_name_the_known_ones(tmp_path: Path) -> None:
    for name, message in (
        ("yaml", r'expected one of auto, coordjson, json, .* got "yaml"$'),
        ("qwen2", r'got "qwen2"; did you mean qwen2vl\?'),
        ("JSON", r"did you mean json\?"),
        ("own.json", r"Grammar.from_file reads a table$"),
    ):
        with pytest.raises(ValueError, match=message):
            make_marker(name)
    path = tmp_path / "grammar.json"
    path.write_text('{"name": "a", "colour": 1}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"colour: unknown; the fields are name, summary, "):
        tt.Grammar.from_file(path)
