"""FSDP2 on two gloo ranks: every way to read gives what an unsharded model gives over the same samples."""

import json

import sharded_runs
from torchrun import torchrun
from trainer_oracle import assert_metrics, ours


def test_every_way_to_read_a_sharded_model_gives_the_unsharded_figures(tmp_path):
    torchrun(2, "sharded_runs.py", tmp_path)
    sharded = json.loads((tmp_path / "sharded.json").read_text())
    assert sharded.keys() == sharded_runs.ROUTES.keys()
    whole = ours(sharded_runs.run(tmp_path, None, False))
    for name, line in sharded.items():
        expected = {key: value for key, value in whole.items() if "tokens" not in name or "top5" not in key}
        assert_metrics(ours(line), expected, relative=1e-9)
