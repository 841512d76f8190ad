"""Lightning: a callback that logs by token type, in training and in validation.

python examples/lightning_callback.py
"""

from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader

import typetally as tt
from tiny_task import tiny_task

STEPS, EVERY = 12, 4


class TokenTypes(lightning.Callback):
    """Steps return {"loss": ..., "logits": ...}; batches have the token_types of a TokenTypeCollator."""

    def __init__(self) -> None:
        self.meter = tt.TokenTypeMeter()
        self.validation = tt.TokenTypeMeter()
        self.logged = 0

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        add(self.meter, outputs, batch)
        if trainer.global_step % trainer.log_every_n_steps == 0 and trainer.global_step != self.logged:
            self.logged = trainer.global_step
            module.log_dict(self.meter.over_ranks().compute())
            self.meter.reset()

    def on_validation_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, *_: int) -> None:
        add(self.validation, outputs, batch)

    def on_validation_epoch_end(self, trainer: Any, module: Any) -> None:
        metrics = self.validation.over_ranks().compute()
        module.log_dict({f"val_{key}": value for key, value in metrics.items()})
        self.validation.reset()


def add(meter: tt.TokenTypeMeter, outputs: Any, batch: Any) -> None:
    meter.update(
        logits=outputs["logits"],
        labels=batch["labels"],
        token_types=batch["token_types"],
        cu_seqlens=tt.document_boundaries(batch),
    )


class Grounding(lightning.LightningModule):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        outputs = self.model(**{key: value for key, value in batch.items() if key != "token_types"})
        return {"loss": outputs.loss, "logits": outputs.logits.detach()}

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        return self.training_step(batch, batch_idx)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=3e-3)


def main() -> None:
    model, processor, samples = tiny_task(4 * STEPS)
    typer, config = tt.TokenTyper(tt.Vocabulary.from_tokenizer(processor)), tt.TokenTypeMetricsConfig(include=("*",))
    collate = tt.TokenTypeCollator(tt.collate_packed, typer, config)
    trainer = lightning.Trainer(
        max_steps=STEPS,
        log_every_n_steps=EVERY,
        val_check_interval=EVERY,
        logger=CSVLogger("runs", "lightning"),
        callbacks=[TokenTypes(), ModelCheckpoint("runs/lightning", monitor="val_coord_entropy", mode="min")],
    )
    loaders = (DataLoader(part, batch_size=4, collate_fn=collate) for part in (samples, samples[:8]))
    trainer.fit(Grounding(model), *loaders)


if __name__ == "__main__":
    main()
