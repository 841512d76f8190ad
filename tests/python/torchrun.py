"""Starts a script of this folder on real gloo ranks."""

import os
import subprocess
import sys
from pathlib import Path

from torch import distributed


def launcher(ranks):
    """The command that runs a script on so many ranks of this machine."""
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks)]


def torchrun(ranks, script, *arguments, timeout=300):
    """Returns once all ranks have ended well; fails with what they wrote otherwise."""
    command = [*launcher(ranks), str(Path(__file__).parent / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr[-4000:]


def end_rank():
    """Ends the process of a rank that is done. A thread of gloo lets go of a tensor when it comes to it, and aborts a
    process whose interpreter is ending by then (pytorch/pytorch#179291), so the interpreter does not."""
    distributed.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
