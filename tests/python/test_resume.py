"""Runs that kill -9 ends in the middle of a window, and that go on in a new process."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import killed_runs

SCRIPT = Path(killed_runs.__file__)


def kill(kind, folder, at):
    """Starts a run in a process that kill -9 ends."""
    command = [sys.executable, SCRIPT, kind, folder, str(at)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr[-4000:]


def test_after_a_kill_and_a_resume_lines_equal_the_uninterrupted_runs_from_the_next_whole_window_on(tmp_path):
    """Windows are of 4 steps; the run is killed at step 7 and resumes at 5: its first line is of the steps 6 to 8."""
    whole = killed_runs.train(tmp_path / "whole")
    kill("trainer", tmp_path / "killed", 7)
    resumed = killed_runs.train(tmp_path / "killed")
    assert list(whole) == ["train 4", "eval 4", "train 8", "eval 8", "train 12", "eval 12", "eval 14", "end 14"]
    assert resumed.keys() == whole.keys()  # the state that is resumed from holds the earlier lines
    for name, line in whole.items():
        assert any(key.endswith("tokens_total") for key in line)
        assert (resumed[name] == line) is (name != "train 8"), name
    # The broken window restarted with the run, as the trainer's own loss does.
    assert 0 < resumed["train 8"]["tokens_total"] < whole["train 8"]["tokens_total"]


def test_a_loop_that_saves_its_meter_goes_on_exactly(tmp_path):
    whole = killed_runs.loop(tmp_path)
    killed = tmp_path / "killed"
    killed.mkdir()
    kill("loop", killed, 10)
    assert json.loads((killed / "loop.json").read_text())["next"] == 9
    assert killed_runs.loop(killed) == whole
    assert len(whole) == 2
    assert all(sum(sums[:32:8]) > 100 for sums in whole)
