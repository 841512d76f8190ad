"""Runs make targets one after the other, all of them even when one fails, and ends with what each had to say."""

import os
import re
import subprocess
import sys
import time
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


def run(stage: str) -> Outcome:
    """Runs one make target, showing and keeping its output."""
    print(f"\n==== {stage}", flush=True)
    begin = time.monotonic()
    summary = ""
    command = [os.environ.get("MAKE", "make"), "--no-print-directory", stage]
    pipe = subprocess.PIPE
    with (
        (LOGS / f"{stage}.log").open("w") as log,
        subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, errors="replace") as make,
    ):
        assert make.stdout is not None
        for line in make.stdout:
            print(line, end="", flush=True)
            log.write(line)
            if SUMMARY.search(line):
                summary = line.strip().strip("= ")
    return Outcome(stage, time.monotonic() - begin, make.returncode, summary)


def main() -> int:
    LOGS.mkdir(parents=True, exist_ok=True)
    outcomes = [run(stage) for stage in sys.argv[1:]]
    print("\n==== summary")
    for one in outcomes:
        print(f"{'ok' if one.code == 0 else 'FAILED':7}{one.stage:14}{one.seconds:6.0f} s  {one.summary}")
    failed = [one.stage for one in outcomes if one.code != 0]
    print(f"failed: {', '.join(failed)}" if failed else f"all passed in {sum(one.seconds for one in outcomes):.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
