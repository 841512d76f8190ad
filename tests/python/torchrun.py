"""Starts a script of this folder on real gloo ranks."""

import subprocess
import sys
from pathlib import Path


def launcher(ranks):
    """The command that runs a script on so many ranks of this machine."""
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks)]


def torchrun(ranks, script, *arguments, timeout=300):
    """Returns once all ranks have ended well; fails with what they wrote otherwise."""
    command = [*launcher(ranks), str(Path(__file__).parent / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr[-4000:]
