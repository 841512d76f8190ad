"""Training data as trainers write it: what is read as answers, and what is reported with its line number."""

import json

import pytest
from line_files import check_bad_lines, write_lines

from typetally.text.data_files import Sample, read_samples

ANSWER = '{"desc": "red", "bbox_2d": [1, 2, 3, 4]}'
ASKS, SAYS = {"role": "user", "content": "<image>Find it"}, {"role": "assistant", "content": ANSWER}
PARTS = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Find it"}]}
POLY = {"poly": ["<|coord_1|>", "<|coord_2|>", 3, 4, 5, 6], "poly_points": 3, "desc": "é"}

GOOD = [
    ({"messages": [ASKS, SAYS, ASKS, SAYS], "images": ["a.png"]}, "messages", ["<image>Find it"] * 2, [ANSWER] * 2),
    ({"messages": [{"role": "system", "content": "S"}, PARTS, SAYS]}, "messages", ["S", "Find it"], [ANSWER]),
    ({"messages": [ASKS, {**SAYS, "loss": False}, ASKS, SAYS]}, "messages", [*"qaq"], [ANSWER]),
    ({"prompt": "Q ", "completion": ANSWER}, "completion", ["Q "], [ANSWER]),
    ({"prompt": [ASKS], "completion": [SAYS]}, "completion", ["<image>Find it"], [ANSWER]),
    ({"prompt": [ASKS, SAYS, ASKS], "completion": [SAYS]}, "completion", [*"qaq"], [ANSWER]),
    (
        {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": ANSWER}]},
        "conversations",
        ["Q"],
        [ANSWER],
    ),
    (
        {"objects": [POLY, {"desc": "b", "bbox_2d": [1, 2, 3, 4]}], "width": 640, "height": 480},
        "objects",
        [],
        [
            '{"objects": [{"desc": "é", "poly": [<|coord_1|>, <|coord_2|>, 3, 4, 5, 6]}, '
            '{"desc": "b", "bbox_2d": [1, 2, 3, 4]}]}'
        ],
    ),
    ({"question": "Q", "answer": [{"desc": "a"}]}, "answer", ["Q"], ['[{"desc": "a"}]']),
]


def read(tmp_path, *records):
    return list(read_samples(write_lines(tmp_path, *records)))


@pytest.mark.parametrize(("record", "name", "prompts", "answers"), GOOD)
def test_a_format_of_trainers(tmp_path, record, name, prompts, answers):
    (sample,) = read(tmp_path, {**record, "metadata": {"dataset": " LVIS "}})
    assert (sample.format, sample.label, sample.answers) == (name, "lvis", answers)
    asked = [turn.text for turn in sample.turns if not turn.is_answer]
    assert asked == prompts or len(asked) == len(prompts) == 3
    assert sample.size == ((640, 480) if "width" in record else None)


BAD = [
    (b'{"answer": ', "not JSON: Expecting value at column 11"),
    (b'{"answer": "\xff"}', "not UTF-8: byte 12"),
    (b"[" * 100_000, "nested too deeply"),
    ([1], "expected an object, got list"),
    ({"text": "x"}, "expected one of the fields messages, completion, conversations, objects, answer"),
    ({"answer": "\ud800"}, "lone surrogate"),
    ({"messages": "hello"}, "expected `messages` as a list of objects"),
    ({"messages": [ASKS]}, "no turn of the assistant to train on"),
    ({"messages": [{"content": "x"}]}, "expected `role` in each of `messages`"),
    ({"messages": [{"role": "assistant"}]}, "expected `content` as text or a list of parts, got NoneType"),
    ({"messages": [{"role": "assistant", "content": [3]}]}, "expected parts of `content` with a type, got 3"),
    ({"objects": [{"desc": "a"}]}, "expected each of `objects` with `desc` and either `bbox_2d` or `poly`"),
    ({"objects": {"ref": ["a"]}}, "expected `objects` as a list of objects"),
    ({"prompt": "Q", "completion": 3}, "expected `completion` as a list of objects"),
    ({"question": 3, "answer": "x"}, "expected `question` as text, got int"),
]


def test_bad_lines_are_numbered_and_the_rest_is_read(tmp_path):
    assert isinstance(check_bad_lines(read_samples, tmp_path, BAD), Sample)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("before", ["", "\ufeff", "\n\n"])
def test_a_json_array_is_refused_with_what_makes_lines_of_it(tmp_path, indent, before):
    (tmp_path / "train.json").write_text(before + json.dumps([{"answer": ANSWER}] * 3, indent=indent), "utf-8")
    with pytest.raises(ValueError, match=r"train.json as JSON Lines.* got a JSON array: jq -c '\.\[\]'"):
        list(read_samples(tmp_path / "train.json"))
    # A list in the first of several lines is a bad line like any other.
    first, second = read(tmp_path, [1], {"answer": ANSWER})
    assert (first.reason, second.answers) == ("expected an object, got list", [ANSWER])
