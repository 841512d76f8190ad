"""A user's file for the demo: what is read, and what is reported with its line number."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from line_files import check_bad_lines, write_lines
from PIL import Image

from typetally.demo.data import Line, read_lines
from typetally.demo.shapes import QUESTION, SIDE

ANSWER = '{"desc": "red", "bbox_2d": [1, 2, 3, 4]}'


@pytest.fixture
def folder(tmp_path):
    Image.new("RGB", (640, 320), (255, 0, 0)).save(tmp_path / "red.png")
    Image.new("L", (8, 8), 7).save(tmp_path / "grey.jpg")
    Image.new("RGB", (400, 2)).save(tmp_path / "line.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "red.png").read_bytes()[:-30])
    (tmp_path / "text.png").write_text("no picture")
    return tmp_path


def read(folder, *records):
    return list(read_lines(write_lines(folder, *records)))


def outline(messages):
    """A conversation with sizes for pictures."""

    def part(part):
        return part["image"].size if part["type"] == "image" else part["text"]

    contents = [m["content"] if isinstance(m["content"], str) else [part(p) for p in m["content"]] for m in messages]
    return list(zip((m["role"] for m in messages), contents, strict=True))


SAYS = {"role": "assistant", "content": ANSWER}
GOOD = [
    ({"image": "red.png", "answer": ANSWER}, [("user", [(SIDE, SIDE // 2), QUESTION]), ("assistant", ANSWER)]),
    ({"image": "grey.jpg", "answer": {"a": "é"}}, [("user", [(8, 8), QUESTION]), ("assistant", '{"a": "é"}')]),
    ({"answer": "none", "question": "Q?"}, [("user", ["Q?"]), ("assistant", "none")]),
    (
        {"messages": [{"role": "user", "content": "<image>Find <image>it"}, SAYS], "images": ["red.png", "grey.jpg"]},
        [("user", [(SIDE, SIDE // 2), "Find ", (8, 8), "it"]), ("assistant", ANSWER)],
    ),
    (
        {
            "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}, SAYS],
            "images": ["grey.jpg"],
        },
        [("system", "S"), ("user", [(8, 8), "Q"]), ("assistant", ANSWER)],
    ),
    (
        {
            "messages": [
                {"role": "user", "content": [{"type": "image", "image": "grey.jpg"}, {"type": "text", "text": "Q"}]},
                SAYS,
            ]
        },
        [("user", [(8, 8), "Q"]), ("assistant", ANSWER)],
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "image"}]}, SAYS], "images": [{"path": "grey.jpg"}]},
        [("user", [(8, 8)]), ("assistant", ANSWER)],
    ),
    (
        {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "a <image> tag"}]},
        [("user", "Q"), ("assistant", "a <image> tag")],
    ),
]


@pytest.mark.parametrize(("record", "expected"), GOOD)
def test_a_good_line(folder, record, expected):
    (line,) = read(folder, record)
    assert outline(line.messages) == expected


def user(content, **fields):
    return {"messages": [{"role": "user", "content": content}, SAYS], **fields}


BAD = [
    (b'{"answer": ', "not JSON: Expecting value at column 11"),
    (b'{"answer": "\xff"}', "not UTF-8: byte 12"),
    (b"[" * 100_000, "nested too deeply"),
    ([1], "expected an object, got list"),
    ({"image": "red.png"}, "expected `messages` or `answer`, got neither"),
    ({"answer": "x", "question": 3}, "expected `question` as text, got int"),
    ({"image": "absent.png", "answer": "x"}, "no such picture: absent.png"),
    ({"image": "broken.png", "answer": "x"}, "cannot read picture broken.png: "),
    ({"image": "text.png", "answer": "x"}, "cannot read picture text.png: cannot identify"),
    ({"image": "line.png", "answer": "x"}, "at most 50 times as long as wide, got 400 x 2"),
    ({"image": "https://example.org/a.png", "answer": "x"}, "expected a picture as a path"),
    ({"image": 3, "answer": "x"}, "expected a picture as a path, got 3"),
    ({"answer": "a <|image_pad|> b"}, "expected text without <|image_pad|>"),
    ({"answer": "<|im_start|>user"}, "expected text without <|im_start|>"),
    ({"answer": "\ud800"}, "lone surrogate"),
    ({"messages": "hello"}, "expected `messages` as a list of objects"),
    ({"messages": [{"role": "user", "content": "Q"}]}, "expected a message of the assistant, got none"),
    ({"messages": [{"role": "tool", "content": "Q"}]}, "expected `role` as one of system, user, assistant, got 'tool'"),
    ({"messages": [{"role": "user"}]}, "expected `content` as text or a list of parts, got NoneType"),
    (user("<image>"), "as many `images` as <image> places, got fewer"),
    (user("<image>", images=["grey.jpg", "red.png"]), "a place for each of the 2 pictures, 1 have none"),
    (user([{"type": "video"}]), "expected user's parts of type text or image"),
    ({"messages": [SAYS], "images": ["grey.jpg"]}, "expected a message of the user to hold the pictures"),
]


def test_bad_lines_are_numbered_and_the_rest_is_read(folder):
    assert isinstance(check_bad_lines(read_lines, folder, BAD), Line)
