"""Runs make targets one after the other, all of them even when one fails, and ends with what each had to say."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOGS = Path("build/logs")
SUMMARY = re.compile(r"\d+ (passed|failed|error)|tests passed|tests failed|^(lint|layers|wheel|install): ")


@dataclass(frozen=True)
class Outcome:
    stage: str
    seconds: float
    code: int
    summary: str


def make(stage: str) -> list[str]:
    """The command that makes a target."""
    return [os.environ.get("MAKE", "make"), "--no-print-directory", stage]


def run(stage: str, command: Sequence[str | Path], logs: Path = LOGS) -> Outcome:
    """Runs a command, showing and keeping its output."""
    print(f"\n==== {stage}", flush=True)
    begin = time.monotonic()
    summary = ""
    pipe = subprocess.PIPE
    with (
        (logs / f"{stage}.log").open("w") as log,
        subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, errors="replace") as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            log.write(line)
            if SUMMARY.search(line):
                summary = line.strip().strip("= ")
    return Outcome(stage, time.monotonic() - begin, process.returncode, summary)


def report(outcomes: Sequence[Outcome]) -> int:
    """Prints what each stage had to say, and returns the exit status of them all."""
    print("\n==== summary")
    for one in outcomes:
        print(f"{'ok' if one.code == 0 else 'FAILED':7}{one.stage:14}{one.seconds:6.0f} s  {one.summary}")
    failed = [one.stage for one in outcomes if one.code != 0]
    print(f"failed: {', '.join(failed)}" if failed else f"all passed in {sum(one.seconds for one in outcomes):.0f} s")
    return 1 if failed else 0


def main() -> int:
    LOGS.mkdir(parents=True, exist_ok=True)
    return report([run(stage, make(stage)) for stage in sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
