"""What attach logs, read back from where people look at it: trainer_state.json, TensorBoard, W&B."""

import json
import struct

import pytest
import tiny_models as tiny
import wandb
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trainer_oracle import ours
from transformers import Trainer
from wandb.proto.wandb_internal_pb2 import Record

import typetally as tt


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trainer that spoils a trained model, so that the last checkpoint is not the best, and its folder."""
    folder = tmp_path_factory.mktemp("dashboards")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"MODE": "offline", "DIR": str(folder), "SILENT": "true", "PROJECT": "typetally"}.items():
            patch.setenv(f"WANDB_{name}", value)
        trainer = Trainer(
            model=tiny.trained_vision_model(),
            args=tiny.arguments(
                folder,
                max_steps=6,
                learning_rate=0.1,
                logging_steps=2,
                eval_strategy="steps",
                eval_steps=2,
                save_strategy="steps",
                save_steps=2,
                load_best_model_at_end=True,
                metric_for_best_model="eval_coord_token_acc",
                report_to=["tensorboard", "wandb"],
            ),
            train_dataset=tiny.vision_samples(12),
            eval_dataset=tiny.vision_samples(5, first=100),
            data_collator=tiny.pack,
            processing_class=tiny.tokenizer(),
        )
        tt.attach(trainer)
        trainer.train()
        wandb.teardown()
    return trainer, folder


def expected(trainer):
    """(step, name as a dashboard has it, value) of everything of ours in the log."""
    for line in trainer.state.log_history:
        for key, value in ours(line).items():
            group, name = ("eval", key.removeprefix("eval_")) if key.startswith("eval_") else ("train", key)
            yield line["step"], f"{group}/{name}", value


def test_the_best_checkpoint_is_chosen_by_a_metric_of_ours(trained):
    trainer, _ = trained
    scores = {line["step"]: line["eval_coord_token_acc"] for line in trainer.state.log_history if "eval_loss" in line}
    best = max(scores, key=scores.get)
    assert scores[6] < scores[best]
    assert trainer.state.best_model_checkpoint.endswith(f"checkpoint-{best}")
    assert trainer.state.best_metric == scores[best]


def test_trainer_state(trained):
    trainer, folder = trained
    state = json.loads((folder / "checkpoint-6" / "trainer_state.json").read_text())
    in_memory = [line for line in trainer.state.log_history if line["step"] <= 6 and "train_runtime" not in line]
    assert state["log_history"] == in_memory[: len(state["log_history"])]
    assert sum("eval_coord_entropy" in line for line in state["log_history"]) == 3
    assert sum("coord_entropy" in line for line in state["log_history"]) == 3


def test_tensorboard(trained):
    trainer, folder = trained
    (events,) = folder.rglob("events.out.*")
    board = EventAccumulator(str(events)).Reload()
    shown = {(e.step, tag): e.value for tag in board.Tags()["scalars"] for e in board.Scalars(tag)}
    for step, name, value in expected(trainer):
        assert shown[step, name] == pytest.approx(value, rel=1e-6), name


def wandb_records(data):
    """The records of an offline run: LevelDB's log format, in blocks of 32 KiB, after 7 bytes that name the file."""
    assert data[:4] == b":W&B"
    at, record = 7, b""
    while at + 7 <= len(data):
        if (room := -at % 2**15) < 7 and room:  # too little for a header: zeros up to the next block
            at += room
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        record += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


def test_wandb_offline(trained):
    trainer, folder = trained
    (path,) = folder.rglob("*.wandb")
    shown = {}
    for record in map(Record.FromString, wandb_records(path.read_bytes())):
        row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        shown |= {(row["train/global_step"], name): value for name, value in row.items() if "/" in name}
    for step, name, value in expected(trainer):
        assert shown[step, name] == pytest.approx(value, rel=1e-12), name
