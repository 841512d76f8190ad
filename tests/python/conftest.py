"""What Python tests share: where the repository is, and the data that lies beside it."""

import functools
import json
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED_DATA = ROOT.parent / "shared" / "data"
PROVIDED_IN_CI = ("../shared", "dev build")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """`../shared/data`, beside the repository; without it the test is skipped, which CI does not accept."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is not there")
    return SHARED_DATA


@pytest.fixture(scope="session")
def on_ranks(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], list[Any]]:
    """on_ranks(2): what on_ranks.py found on real gloo ranks, by rank; they are started once."""

    @functools.cache
    def start(ranks: int) -> list[Any]:
        from torchrun import torchrun

        out = tmp_path_factory.mktemp("ranks") / "rank"
        torchrun(ranks, "on_ranks.py", out)
        return [json.loads(out.with_name(f"rank-{k}.json").read_text()) for k in range(ranks)]

    return start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    in_ci = os.environ.get("CI") == "true"
    if in_ci and report.skipped and any(reason in str(report.longrepr) for reason in PROVIDED_IN_CI):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped for want of what CI provides: {report.longrepr}"
    return report
