"""The command line: what it lists, and its exit codes."""

import json
import subprocess
import sys
from pathlib import Path

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


GOOD = '{"objects": [{"desc": "red", "bbox_2d": [1, 2, 300, 400]}]}'


@pytest.fixture
def data(tmp_path):
    lines = [{"prompt": "Find", "completion": GOOD, "dataset": "lvis"}, {"prompt": "", "completion": GOOD[:-5]}]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join([*map(json.dumps, lines), '{"answer": "<script>x</script>", "dataset": "<b>"}']))
    return path


def test_audit_reports_as_table_json_and_page(data, shared_data, tmp_path):
    command = ("audit", str(data), "--tokenizer", str(shared_data / "tokenizers/qwen3"), "--include", "lvis")
    done = typetally(*command, "--html", str(tmp_path / "out.html"))
    assert (done.returncode, done.stderr) == (1, "")
    assert "JSON ends before its brackets are closed" in done.stdout
    found = json.loads(typetally(*command, "--json").stdout)
    assert [(one["label"], one["counts"]) for one in found["labels"]] == [
        ("<b>", False),
        ("default", False),
        ("lvis", True),
    ]
    assert [(kind["count"], kind["lines"]) for kind in found["not_parsed"]] == [(1, [2])]
    assert found["typed_share"] == pytest.approx(sum(found["counted"].values()) / sum(found["tokens"].values()))
    page = (tmp_path / "out.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<b>\n" not in page
    assert not [tag for tag in ("<script", "http:", "https:", "url(") if tag in page]
    data.write_text(data.read_text().splitlines()[0])
    assert typetally(*command).returncode == 0


def test_audit_of_what_cannot_be_read_exits_with_2(data, shared_data, tmp_path):
    tokenizer = str(shared_data / "tokenizers/qwen3")
    for arguments, message in (
        ((str(data), "--tokenizer", str(tmp_path)), "expected a tokenizer.json"),
        ((str(tmp_path / "no.jsonl"), "--tokenizer", tokenizer), "does not exist"),
        ((str(data), "--tokenizer", tokenizer, "--grammar", "yaml"), "expected one of auto, coordjson"),
    ):
        done = typetally("audit", *arguments, env={"COLUMNS": "200", "PATH": ""})
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_the_plugins_path_is_printed():
    done = typetally("plugin", "swift")
    assert (done.returncode, done.stderr) == (0, "")
    path = Path(done.stdout.removesuffix("\n"))
    # ms-swift puts the folder on the search path, where nothing may hide a module of anyone else's.
    assert {entry.stem for entry in path.parent.glob("*.py")} == {"__init__", "swift_plugin"}
    assert "callbacks_map" in path.read_text()
    unknown = typetally("plugin", "trl")
    assert unknown.returncode == 2
    assert "[plugin] expected one of swift, got 'trl'" in unknown.stderr
