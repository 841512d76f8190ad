"""attach with batches as other trainers make them: labels cut down to the logits that are kept, and indexed masks."""

import pytest
import tiny_models as tiny
import torch
from trainer_oracle import assert_metrics, ours
from transformers import Trainer

import typetally as tt


def frozen_run(folder, samples, make=Trainer, base=tiny.pack, prepare_model=lambda model: None, size=2):
    """One line over all samples, by a trainer whose weights stay. Returns it and the handle."""
    steps = len(samples) // size
    args = tiny.arguments(
        folder, max_steps=steps, per_device_train_batch_size=size, learning_rate=0.0, logging_strategy="no"
    )
    args.base = base
    model = tiny.text_model(torch.float64)
    prepare_model(model)
    trainer = make(model=model, args=args, train_dataset=samples, data_collator=base, processing_class=tiny.tokenizer())
    handle = tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    trainer.train()
    assert handle.coverage() == tt.trainer.Coverage(samples=len(samples), typed=len(samples))
    return ours(trainer.state.log_history[-1]), handle


def two_turns(count):
    """Cut down to what is supervised, the two answers would read as one."""
    question = tiny.tokenizer()("And here? ", add_special_tokens=False)["input_ids"]
    ignored = [-100] * len(question)
    return [
        {
            "input_ids": question + a["input_ids"] + question + b["input_ids"],
            "labels": ignored + a["labels"] + ignored + b["labels"],
        }
        for a, b in zip(tiny.text_samples(count), tiny.text_samples(count, first=100), strict=True)
    ]


class CutDown(Trainer):
    """Keeps the logits that are scored, as ms-swift does: a mask for one row, a number of last ones for several."""

    def _prepare_inputs(self, inputs):
        inputs = super()._prepare_inputs(inputs)
        labels = inputs["labels"]
        if len(labels) == 1:
            supervised = labels[0] != -100
            inputs["labels"] = torch.nn.functional.pad(labels[:, supervised], (1, 0), value=-100)
            inputs["logits_to_keep"] = torch.nn.functional.pad(supervised[1:], (0, 1), value=True)
        else:
            keep = labels.shape[1] - int((labels != -100).int().argmax(-1).min()) + 1
            inputs["labels"], inputs["logits_to_keep"] = labels[:, -keep:], keep
        return inputs


class CutDownOwnLoader(CutDown):
    """Its batches come without types."""

    def get_train_dataloader(self):
        size = self.args.per_device_train_batch_size
        return torch.utils.data.DataLoader(self.train_dataset, batch_size=size, collate_fn=self.args.base)


@pytest.mark.parametrize("make", [CutDown, CutDownOwnLoader])
@pytest.mark.parametrize(("base", "size"), [(tiny.pack, 2), (tiny.pad, 1), (tiny.pad, 2)])
def test_labels_cut_down_to_the_logits_that_are_kept(tmp_path, make, base, size):
    expected, _ = frozen_run(tmp_path, two_turns(8), size=size)
    got, handle = frozen_run(tmp_path, two_turns(8), make, base, size=size)
    assert_metrics(got, expected, relative=1e-9)
    assert handle.typed_in_hook == (8 // size if make is CutDownOwnLoader else 0)


def pack_with_indexed_mask(rows):
    """One row and padding; the mask counts the documents, as LLaMA-Factory's neat_packing has it."""
    batch = tiny.pack(rows)
    room = torch.nn.functional.pad
    mask = torch.cat([torch.full((len(row["labels"]),), k) for k, row in enumerate(rows, 1)])[None]
    return {
        "input_ids": room(batch["input_ids"], (0, 3)),
        "labels": room(batch["labels"], (0, 3), value=-100),
        "attention_mask": room(mask, (0, 3)),
    }


def isolate_by_index(model):
    """What LLaMA-Factory patches into attention: a position sees earlier ones that have its index."""

    def expand(module, args, kwargs):
        index = kwargs["attention_mask"]
        same = (index[:, :, None] == index[:, None, :]).tril()
        return args, {**kwargs, "attention_mask": same[:, None]}

    model.register_forward_pre_hook(expand, with_kwargs=True)


def test_indexed_attention_masks_tell_the_documents(tmp_path, caplog):
    """Boundaries matter: every third sample's first token is supervised. Rotary angles are float32, and differ."""
    samples = tiny.text_samples(8)
    expected, _ = frozen_run(tmp_path, samples)
    got, handle = frozen_run(tmp_path, samples, base=pack_with_indexed_mask, prepare_model=isolate_by_index)
    assert_metrics(got, expected, relative=1e-7)
    assert handle.typed_in_hook == 0
    assert not any("see each other" in record.getMessage() for record in caplog.records)
