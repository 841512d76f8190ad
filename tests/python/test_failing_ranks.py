"""A rank that fails leaves no other waiting in a reduction of ours for longer than the process group's time-out."""

import json
import subprocess
import sys
from pathlib import Path

import failing_ranks
import pytest

SCRIPT = Path(failing_ranks.__file__)
SLACK = 2.0  # seconds, for a busy machine


def start(how, folder, ranks):
    command = [sys.executable, SCRIPT, how, folder]
    return [
        subprocess.Popen([*command, str(k), str(ranks)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for k in range(ranks)
    ]


def seen_by(folder, rank):
    return json.loads((folder / f"rank-{rank}.json").read_text())


def test_exceptions_in_the_hooks_of_one_rank_stop_none(tmp_path):
    """In a micro-batch's hook, and then where sums are collected for a reduction that the other rank waits in."""
    ranks = start("raises", tmp_path, 2)
    errors = [rank.communicate(timeout=120)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], errors
    assert [error.count("RuntimeError: this rank's hook") for error in errors] == [0, 1]  # the first trace alone
    first, broken = seen_by(tmp_path, 0), seen_by(tmp_path, 1)
    assert first["lines"] == broken["lines"]
    lines = first["lines"][: failing_ranks.STEPS]
    assert [line.get("typetally_errors") for line in lines] == [None, 1, 1, None]
    assert all(line["tokens_total"] > 0 for line in lines)
    assert max(first["waited"] + broken["waited"]) < failing_ranks.TIME_OUT


@pytest.mark.parametrize(("how", "count"), [("killed", 3), ("stopped", 2)])
def test_a_lost_rank_is_waited_for_no_longer_than_the_time_out(how, count, tmp_path):
    ranks = start(how, tmp_path, count)
    lost, others = ranks[failing_ranks.BROKEN], [k for k in range(count) if k != failing_ranks.BROKEN]
    try:
        errors = [ranks[k].communicate(timeout=120)[1] for k in others]
    finally:
        lost.kill()
        lost.communicate()
    for rank, error in zip(others, errors, strict=True):
        seen = seen_by(tmp_path, rank)
        assert seen["lines"][0]["tokens_total"] > 0
        assert seen["lines"][1] == {}
        assert "[attach] a reduction over ranks failed" in error
        assert max(seen["waited"]) < failing_ranks.TIME_OUT + SLACK
        assert ranks[rank].returncode != 0  # its own next exchange fails
    if how == "stopped":
        assert max(seen_by(tmp_path, 0)["waited"]) > failing_ranks.TIME_OUT - SLACK
