"""The command line: what it lists, and its exit codes."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import typetally as tt
from typetally.report.shown_tokens import TYPE_NAMES


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


def test_grammars_are_explained_alike_with_colours_and_without():
    wide = os.environ | {"COLUMNS": "200"}
    coloured, piped = (typetally("grammars", env=env).stdout for env in (wide | {"FORCE_COLOR": "1"}, wide))
    for entry in json.loads(typetally("grammars", "--json").stdout):
        assert entry["summary"] in coloured
        assert entry["example"].splitlines()[0][:60] in re.sub(r"\x1b\[[\d;]*m", "", coloured)
        said = piped.split(f"{entry['name']}: {entry['summary']}\n", 1)[1].splitlines()
        for line, (begin, end, kind) in zip(said, entry["spans"], strict=False):
            text = entry["example"].encode()[begin:end].decode().replace("\n", "⏎")
            assert line == f"  {kind:<6}  {text}"
    last = piped.splitlines()[-1]
    assert last.startswith("auto picks")
    assert last in coloured


@pytest.mark.parametrize("arguments", [("nothing",), ("grammars", "--no-such-option")])
def test_a_wrong_call_exits_with_2(arguments):
    done = typetally(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_version_is_the_packages():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    done = typetally("--version")
    assert (done.returncode, done.stdout) == (0, project["project"]["version"] + "\n")
    assert tt.__version__ == project["project"]["version"]


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
        ((str(data), "--tokenizer", tokenizer, "--grammar", "jsn"), "did you mean json?"),
        ((str(data), "--tokenizer", tokenizer, "--grammar", "own.json"), "own.json: No such file or directory"),
    ):
        done = typetally("audit", *arguments, env={"COLUMNS": "200", "PATH": ""})
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["", "\n \n"])
@pytest.mark.parametrize("command", ["audit", "show", "pack"])
def test_a_file_with_nothing_in_it_is_said_to_be_empty(command, text, shared_data, tmp_path):
    (tmp_path / "train.jsonl").write_text(text)
    more = {"audit": ["--html", "a.html"], "show": [], "pack": ["--capacity", "9"]}[command]
    tokenizer = shared_data / "tokenizers/qwen3"
    done = typetally(command, "train.jsonl", "--tokenizer", tokenizer, *more, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "train.jsonl: there is nothing in it\n")


@pytest.mark.parametrize(
    "arguments", [("audit", "--html"), ("show", "--html"), ("pack", "--capacity", "9", "--out")], ids=lambda all: all[0]
)
def test_a_file_that_cannot_be_written_is_refused_before_the_work(arguments, data, tmp_path):
    command, *options = arguments
    # Reading the tokenizer, which is none, would come first among the work.
    wide = os.environ | {"COLUMNS": "400"}
    done = typetally(command, data, "--tokenizer", data, *options, tmp_path / "no" / "out.npz", env=wide)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"no such folder: {tmp_path / 'no'}" in done.stderr


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


def test_an_answer_is_shown_as_it_is_typed():
    coloured = typetally("show", GOOD, env=os.environ | {"FORCE_COLOR": "1"})
    plain = re.sub(r"\x1b\[[\d;]*m", "", coloured.stdout)
    assert (coloured.returncode, plain.splitlines()) == (0, ["json", GOOD, "types: desc coord format"])
    (found,) = json.loads(typetally("show", GOOD, "--json").stdout)
    typer = tt.TokenTyper(tt.Vocabulary.from_tokenizer(_Nothing()), grammar="auto")
    assert found["spans"] == [[begin, end, TYPE_NAMES[kind]] for begin, end, kind in typer.spans(GOOD)]
    caption, *lines = typetally("show", GOOD).stdout.splitlines()
    assert caption == "json"
    assert [(line[2:8].rstrip(), line[10:]) for line in lines] == [
        (name, GOOD[begin:end]) for begin, end, name in found["spans"]
    ]


class _Nothing:
    """A tokenizer of one token, as Vocabulary reads it."""

    n_vocab = 1
    special_tokens_set = frozenset()

    @staticmethod
    def decode_single_token_bytes(_):
        return b"x"


def test_an_answer_is_shown_in_tokens(shared_data):
    tokenizer = shared_data / "tokenizers/qwen3"
    text = "<ref>猫\x1b[31m</ref><box>(1,20),(3,4)</box>"
    (found,) = json.loads(typetally("show", "-", "--json", "--tokenizer", str(tokenizer), input=text).stdout)
    assert b"".join(bytes.fromhex(token["bytes"]) for token in found["tokens"]) == text.encode()
    typer = tt.TokenTyper(tt.Vocabulary.from_file(tokenizer))
    kinds = typer.type_labels([token["id"] for token in found["tokens"]])
    assert [token["type"] for token in found["tokens"]] == [TYPE_NAMES[kind] for kind in kinds]
    command = ("show", text, "--tokenizer", str(tokenizer))
    coloured = typetally(*command, env=os.environ | {"FORCE_COLOR": "1"}).stdout
    assert "\x1b[31m" not in coloured
    assert "(│1│,│2│0│),(│3│,│4│)</│" in re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert typetally(*command).stdout.splitlines()[-4:-2] == ["  coord   4", "  format  )</"]


def test_lines_of_a_file_are_shown(data, tmp_path):
    done = typetally("show", str(data), "--lines", "2-3", "--html", str(tmp_path / "out.html"))
    assert (done.returncode, done.stdout) == (0, "")
    page = (tmp_path / "out.html").read_text()
    assert "<h1>train.jsonl</h1>" in page
    assert "</span> spans: " in page
    assert "tokens: " not in page
    assert "cannot be read" not in page
    assert "line 2: json" in page
    assert "line 1" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<script") == 1
    data.write_text("{\n" + data.read_text())
    done = typetally("show", str(data), "--lines", "1,4,9,11-12", "--json")
    assert done.returncode == 1
    assert [entry["line"] for entry in json.loads(done.stdout)] == [4]
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["line 1", "no line 9", "no line 11 to 12"]
    done = typetally("show", str(data), "--html", str(tmp_path / "out.html"))
    assert done.returncode == 1
    assert "<p>lines that cannot be read: 1</p>" in (tmp_path / "out.html").read_text().replace(' class="quiet"', "")
    done = typetally("show", str(data))
    assert [line for line in done.stdout.splitlines() if line.startswith("line ")] == [
        "line 2: json",
        "line 3: json",
        "line 4: prose",
    ]


def test_a_page_says_where_it_stops(data, tmp_path):
    page = tmp_path / "out.html"
    data.write_text((data.read_text().splitlines()[0] + "\n") * 21)
    done = typetally("show", str(data), "--html", str(page))
    assert (done.returncode, done.stderr) == (0, "the first 20 lines, --lines shows others\n")
    assert "the first 20 lines, --lines shows others" in page.read_text()
    assert page.read_text().count('class="answer"') == 20
    data.write_text(data.read_text().removesuffix("\n").rpartition("\n")[0])
    assert typetally("show", str(data), "--html", str(page)).stderr == ""
    assert "first 20" not in page.read_text()


@pytest.mark.parametrize("lines", [(), ("--lines", "2-3")])
def test_lines_on_standard_input_are_read_as_a_files(lines, data):
    data.write_text("{\n" + data.read_text())
    shown = [typetally("show", name, *lines, input=data.read_text()) for name in (data, "-")]
    assert shown[0].stdout == shown[1].stdout
    assert (shown[0].returncode, shown[0].stderr) == (shown[1].returncode, shown[1].stderr)
    assert "line 3: json" in shown[1].stdout


@pytest.mark.parametrize(
    "answer", ['{"objects":\n[{"label": "x", "bbox": [1, 2, 3, 4]}]}\n', '{"objects": [{"a": 1}]}']
)
def test_an_answer_on_standard_input_is_no_sample(answer):
    (found,) = json.loads(typetally("show", "-", "--json", input=answer).stdout)
    assert (found["line"], found["answer"]) == (None, answer)


@pytest.mark.parametrize(
    "arguments", [("show",), ("show", "no.jsonl"), ("show", "x", "--lines", "3-1"), ("show", "x", "--grammar", "yaml")]
)
def test_what_cannot_be_shown_exits_with_2(arguments):
    done = typetally(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_the_demo_says_what_it_needs():
    absent = "import sys; sys.modules['transformers'] = None; sys.argv[1:] = ['demo']"
    code = f"{absent}; import typetally.cli.main as command; command.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "expected the module transformers: pip install 'typetally[demo]'" in " ".join(done.stderr.split())
