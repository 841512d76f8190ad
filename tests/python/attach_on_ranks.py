"""Trains and evaluates frozen models over the same samples, however many ranks there are. test_attach_ranks compares
one process with two and three, which on_ranks starts."""

from contextlib import contextmanager
from functools import partial

import tiny_models as tiny
import torch
from loops_on_ranks import prose, silent
from ranks_watch import collectives_of_ours
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor.experimental import context_parallel
from trainer_oracle import Spy
from transformers import Trainer

import typetally as tt

SAMPLES = 12
HELD = 7  # of neither two nor three ranks a multiple: some repeat samples to have as many as the others
LVIS = 5  # of those held out; two ranks' last batches hold none


def world_size():
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextmanager
def reductions_counted(trainer):
    """Our collectives before each line of the log."""
    counts, log = [], trainer.log
    with collectives_of_ours() as seen:

        def logged(logs, *args, **kwargs):
            counts.append(list(seen))
            seen.clear()
            return log(logs, *args, **kwargs)

        trainer.log = logged
        yield counts


def frozen(model, folder, size, samples, held, base, make=Trainer, **options):
    """A trainer that goes over `samples` once."""
    return make(
        model=model,
        args=tiny.arguments(
            folder,
            max_steps=-(-len(samples) // (size * world_size())),
            per_device_train_batch_size=size,
            per_device_eval_batch_size=size,
            learning_rate=0.0,
            logging_strategy="no",
            ddp_find_unused_parameters=True,
            **options,
        ),
        train_dataset=samples,
        eval_dataset=held,
        data_collator=base,
        processing_class=tiny.processor(),
    )


def run(folder, dtype, base, size):
    samples = [{**sample, "dataset": "lvis"} for sample in tiny.vision_samples(SAMPLES)]
    held = [
        {**s, "dataset": "lvis" if k < LVIS else "coco"} for k, s in enumerate(tiny.vision_samples(HELD, first=100))
    ]
    trainer = frozen(tiny.trained_vision_model(dtype), folder, size, samples, held, base)
    with reductions_counted(trainer) as reductions:
        handle = tt.attach(trainer, config=tt.TokenTypeMetricsConfig(extended=True))
        spy = Spy(trainer, [*samples, *held], tiny.sample_types([*samples, *held]))
        trainer.train()
        evaluated = trainer.evaluate()
    return {
        "train": trainer.state.log_history[0],
        "eval": evaluated,
        "coverage": [vars(handle.coverage(mode)) for mode in ("train", "eval")],
        "near_ties": [spy.oracle(training, 0, SAMPLES + 1).near_ties for training in (True, False)],
        "reductions": reductions,
    }


def skewed_samples(shares):
    """In order: of three samples, or of two, the first is ordinary, others hold no coordinate or no target."""
    kinds = {2: (None, prose), 3: (None, prose, silent)}[shares]
    return [
        sample if kinds[k % shares] is None else kinds[k % shares](sample)
        for k, sample in enumerate(tiny.text_samples(SAMPLES))
    ]


def run_skewed(folder, shares):
    """With as many ranks as shares each rank sees one kind of sample alone, in training and in evaluation."""
    samples = skewed_samples(shares)
    model = tiny.text_model(torch.float64)
    model.config.use_cache = False
    trainer = frozen(model, folder, 1, samples, samples[:HELD], tiny.pad, train_sampling_strategy="sequential")
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    trainer.train()
    return {"train": trainer.state.log_history[-1], "eval": trainer.evaluate()}


def run_packs(folder):
    """Items that are packs, of which the last round of batches repeats some."""
    samples = tiny.vision_samples(HELD + 4)
    plan = tt.plan_packs([len(sample["input_ids"]) for sample in samples], 700)
    packs = tt.PackedDataset(samples, plan)
    model = tiny.trained_vision_model(torch.float64)
    trainer = frozen(model, folder, 2, packs, packs, lambda items: tt.collate_packed(items))
    handle = tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    return {"eval": trainer.evaluate(), "packs": len(packs), "coverage": vars(handle.coverage("eval"))}


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(tiny.text_samples(HELD))


def pad_wide(rows):
    """To one width, as batches have to be that one process reads, splits and hands out."""
    batch = tiny.pad(rows)
    fill = {"input_ids": tiny.tokenizer().pad_token_id, "labels": -100, "attention_mask": 0}
    room = (0, 240 - batch["labels"].shape[1])
    return {key: torch.nn.functional.pad(value, room, value=fill[key]) for key, value in batch.items()}


def run_stream(folder, size):
    """Evaluates a data set without a length, whose last batches are filled up with its first samples."""
    trainer = frozen(tiny.text_model(torch.float64), folder, size, tiny.text_samples(2), Stream(), pad_wide)
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    return {"eval": trainer.evaluate()}


class InContext(Trainer):
    """Cuts whole rows for ranks as Transformers does under context parallelism, by Torch's own context."""

    def _prepare_context_parallel_inputs(self, model, inputs):
        inputs["shift_labels"] = torch.nn.functional.pad(inputs["labels"], (0, 1), value=-100)[:, 1:].contiguous()
        del inputs["attention_mask"]  # attention is causal there
        buffers = [inputs[key] for key in ("input_ids", "labels", "shift_labels")]
        cut = partial(context_parallel, init_device_mesh("cpu", (world_size(),)))
        return partial(cut, buffers=buffers, buffer_seq_dims=[1] * 3, no_restore_buffers=set(buffers)), inputs


def run_in_context(folder):
    """Every rank has a part of each row. The CPU has no ring attention, so the model has none: its logits are those of
    whole rows."""
    ranks = world_size()
    model = tiny.text_model(torch.float64)
    model.set_attn_implementation("eager")
    torch.nn.init.zeros_(model.model.layers[0].self_attn.o_proj.weight)
    samples = [sample for sample in tiny.text_samples(6) for _ in range(ranks)]  # each rank reads every one
    make = InContext if ranks > 1 else Trainer
    trainer = frozen(model, folder, 1, samples, None, pad_wide, make, train_sampling_strategy="sequential")
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    trainer.train()
    return {"train": trainer.state.log_history[-1]}


def run_all(folder):
    dtypes = (torch.float64, torch.float32) if world_size() < 3 else (torch.float64,)
    results = {
        f"{str(dtype)[6:]} {base.__name__} {size}": run(folder, dtype, base, size)
        for dtype in dtypes
        for base in (tiny.pack, tiny.pad)
        for size in (1, 2)
    }
    skewed = {f"skewed {shares}": run_skewed(folder, shares) for shares in (2, 3) if world_size() in (1, shares)}
    streams = {f"stream {size}": run_stream(folder, size) for size in (1, 2)}
    return results | skewed | streams | {"packs": run_packs(folder), "context": run_in_context(folder)}
