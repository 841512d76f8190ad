"""What needs real ranks, in one start of them, which costs more than the runs: on_ranks.py FILE, by torchrun."""

import json
import sys
import tempfile
from pathlib import Path

import attach_on_ranks
import loops_on_ranks
from torch import distributed
from torchrun import end_rank

if __name__ == "__main__":
    distributed.init_process_group("gloo")
    with tempfile.TemporaryDirectory() as scratch:
        results = {
            "loops": loops_on_ranks.run_all(distributed.get_world_size()),
            "attach": attach_on_ranks.run_all(scratch),
        }
    Path(f"{sys.argv[1]}-{distributed.get_rank()}.json").write_text(json.dumps(results))
    end_rank()
