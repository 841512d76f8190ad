"""Files of JSON Lines, and what readers make of their bad lines."""

import json

from typetally.text.data_files import BadLine


def write_lines(folder, *records):
    """`train.jsonl` with a line for each record; text and bytes are written as they are."""
    path = folder / "train.jsonl"
    lines = [record if isinstance(record, str | bytes) else json.dumps(record) for record in records]
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def check_bad_lines(read, folder, bad):
    """`read` gives a line for each of `bad`, (record, reason), under its number and goes on: what it reads last."""
    found = list(read(write_lines(folder, *(record for record, _ in bad), b"", b"   ", {"answer": "fine"})))
    assert [line.number for line in found] == [*range(1, len(bad) + 1), len(bad) + 3]
    for line, (_, reason) in zip(found, bad, strict=False):
        assert isinstance(line, BadLine), line
        assert reason in line.reason, line
    return found[-1]
