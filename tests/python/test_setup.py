"""tools/setup.sh against stand-ins for apt, dpkg, id and Python, which log what they are asked to do."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

LOG = 'echo "$(basename "$0") $*" >> "$LOG"\n'
PYTHON = (
    LOG
    + """case "$*" in
  *version_info\\[:2\\]*) echo 3.11 ;;
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
esac
"""
)


class Machine:
    """A tree with the setup script and nothing but stand-ins for the programs that change a system."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        (folder / "tools").mkdir()
        (folder / "bin").mkdir()
        for name in ("setup.sh", "apt.sh", "setup_page.sh"):
            shutil.copy(root / "tools" / name, folder / "tools")
        shutil.copy(root / "constraints.txt", folder)
        self.program("python3", PYTHON)
        # In two writes, as the real one: who stops reading after the first would end it by SIGPIPE.
        self.program("apt-cache", 'echo "  Candidate: 1.0"\nsleep 0.02\necho "  Version table:"\n')
        self.program("apt-get", LOG)

    def program(self, name: str, body: str) -> None:
        path = self.folder / "bin" / name
        path.write_text("#!/bin/bash\n" + body)
        path.chmod(0o755)

    def setup(self, *, user: int, installed: str, script: str = "setup.sh") -> subprocess.CompletedProcess[str]:
        """Runs a script as `user`, with packages that match the shell pattern `installed` there already."""
        self.program("id", f"echo {user}\n")
        self.program("dpkg-query", f'case "${{@: -1}}" in {installed}) echo -n installed ;; esac\n')
        self.program("sudo", "exit 1\n")
        environment = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "LOG": str(self.log),
            "PYTHON": "python3",
        }
        return subprocess.run(
            [f"tools/{script}"],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(root: Path, tmp_path: Path) -> Machine:
    return Machine(tmp_path, root)


def pip_installs(asked: list[str]) -> list[str]:
    return [line.split("install ")[1] for line in asked if " pip install " in line]


def test_root_gets_what_is_missing_and_torch_first(machine: Machine) -> None:
    done = machine.setup(user=0, installed="'g++'|make")
    assert done.returncode == 0, done.stderr
    (install,) = [line for line in machine.asked if line.startswith("apt-get install -y")]
    assert "libsimdjson-dev" in install
    assert "clang-19" in install
    assert "g++" not in install
    torch, rest = pip_installs(machine.asked)
    assert torch.split()[-1] == "torch==2.13.0"
    assert rest.split()[-2:] == ["-r", "constraints.txt"]


def test_without_root_one_line_says_what_to_run(machine: Machine) -> None:
    done = machine.setup(user=1000, installed="'g++'|make|lib*")
    assert done.returncode == 0, "the fuzz preset's tools are no reason to stop"
    done = machine.setup(user=1000, installed="'g++'|make")
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if "apt-get install" in line]
    assert "libsimdjson-dev" in line
    assert "apt-get update" in line
    assert not [line for line in machine.asked if line.startswith("apt-get")]


def test_what_the_distribution_lacks_does_not_stop_it(machine: Machine) -> None:
    machine.program("apt-cache", 'case "$2" in git) echo "  Candidate: 1" ;; *) echo "  Candidate: (none)" ;; esac\n')
    done = machine.setup(user=0, installed="'g++'|make|libgtest-dev")
    assert done.returncode == 0, done.stderr
    assert "the fuzz preset is not available" in done.stdout
    (install,) = [line for line in machine.asked if line.startswith("apt-get install -y")]
    assert install.split()[-1] == "git"


def test_nothing_is_installed_twice(machine: Machine) -> None:
    done = machine.setup(user=0, installed="*")
    assert done.returncode == 0
    assert not [line for line in machine.asked if line.startswith("apt-get")]


def test_the_browser_is_installed_when_it_is_missing(machine: Machine) -> None:
    assert machine.setup(user=0, installed="*", script="setup_page.sh").returncode == 0
    assert machine.setup(user=1000, installed="fonts-*", script="setup_page.sh").returncode != 0
    assert not [line for line in machine.asked if line.startswith("apt-get")]
    assert machine.setup(user=0, installed="fonts-*", script="setup_page.sh").returncode == 0
    (install,) = [line for line in machine.asked if line.startswith("apt-get install -y")]
    assert install.split()[-2:] == ["chromium", "chromium-driver"]


def test_no_index_is_named(root: Path) -> None:
    for name in ("tools/setup.sh", "tools/extra_env.sh", "tools/download_size.py", "Makefile", "constraints.txt"):
        assert "index-url" not in (root / name).read_text()
