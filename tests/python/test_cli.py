"""The command line: what it lists, and its exit codes."""

import json
import subprocess
import sys

import pytest

import typetally as tt


def typetally(*arguments, **options):
    command = [sys.executable, "-m", "typetally.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def test_grammars_are_listed_with_examples_that_use_their_types():
    done = typetally("grammars", "--json")
    assert done.returncode == 0
    listed = json.loads(done.stdout)
    assert [entry["name"] for entry in listed] == tt.grammars()
    for entry in listed:
        ends = [end for _, end, _ in entry["spans"]]
        assert [begin for begin, _, _ in entry["spans"]] == [0, *ends[:-1]]
        assert ends[-1] == len(entry["example"].encode())
        if entry["name"] == "json":
            assert {kind for _, _, kind in entry["spans"]} == {"desc", "coord", "format"}


def test_grammars_are_explained():
    done = typetally("grammars", env={"COLUMNS": "200", "PATH": ""})
    assert done.returncode == 0
    for entry in json.loads(typetally("grammars", "--json").stdout):
        assert entry["name"] in done.stdout
        assert entry["example"].splitlines()[0][:60] in done.stdout


@pytest.mark.parametrize("arguments", [("nothing",), ("grammars", "--no-such-option")])
def test_a_wrong_call_exits_with_2(arguments):
    done = typetally(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
