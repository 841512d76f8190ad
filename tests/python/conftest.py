"""What Python tests share: where the repository is, and the data that lies beside it."""

import os
from collections.abc import Generator
from pathlib import Path

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    in_ci = os.environ.get("CI") == "true"
    if in_ci and report.skipped and any(reason in str(report.longrepr) for reason in PROVIDED_IN_CI):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped for want of what CI provides: {report.longrepr}"
    return report
