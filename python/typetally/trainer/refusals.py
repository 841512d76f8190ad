"""Trainers and models that cannot be served, each with why and with what works."""

from __future__ import annotations

from typing import Any

from torch import nn

from typetally.model.unwrap import causal_lm, unwrap

_NEEDED = ("compute_loss", "evaluation_loop", "log", "model", "args", "accelerator", "data_collator")
_LOOP = "for loops of your own use TokenTypeMeter"


def refuse_trainer(trainer: Any) -> None:
    """Raises ValueError for a trainer that has no labelled micro-batches, or whose forwards hooks cannot follow."""
    missing = [name for name in _NEEDED if not hasattr(trainer, name)]
    if missing:
        raise ValueError(
            f"[attach] expected a Hugging Face Trainer or a subclass, got {type(trainer).__name__} without "
            f"{', '.join(missing)}; {_LOOP}"
        )
    if callable(getattr(trainer, "_generate", None)):
        raise ValueError(
            f"[attach] expected a trainer whose batches have labels, got {type(trainer).__name__}, which trains on "
            "what it generates; attach to supervised fine-tuning, or score answers of your own with TokenTypeMeter"
        )
    if trainer.args.n_gpu > 1 or isinstance(trainer.model, nn.DataParallel):
        raise ValueError(
            "[attach] expected one device per process, got nn.DataParallel, whose replicas run hooks in threads of "
            "their own; start one process per device with torchrun, or make one device visible"
        )
    refuse_model(unwrap(trainer.model))
    if _zero_stage(trainer) == 3 and _hides_logits(trainer.args):
        raise ValueError(
            "[attach] expected logits or per-token results under DeepSpeed ZeRO-3, got a loss that makes neither "
            "(Liger's fused linear cross entropy, or chunked_nll), and an output embedding that is partitioned; use "
            "TRL 1.15 or later, FSDP2, ZeRO stage 2, or liger_kernel_config={'fused_linear_cross_entropy': False}"
        )


def refuse_model(module: nn.Module) -> None:
    """Raises ValueError for a model that does not predict the next label."""
    model: Any = causal_lm(module)
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        raise ValueError(
            f"[attach] expected a decoder whose logits predict the next label, got {type(model).__name__}, an encoder "
            f"and a decoder, whose logits predict the label at their own position; {_LOOP}: update(shifted=True)"
        )
    embedding = getattr(model, "get_output_embeddings", None)
    if callable(embedding) and embedding() is None:
        raise ValueError(
            f"[attach] expected a model with output embeddings, which make logits over the vocabulary, got "
            f"{type(model).__name__}; use the class with the language model's head, ...ForCausalLM or "
            "...ForConditionalGeneration"
        )


def _zero_stage(trainer: Any) -> int:
    plugin = getattr(trainer.accelerator.state, "deepspeed_plugin", None)
    return int(getattr(plugin, "zero_stage", 0) or 0)


def _hides_logits(args: Any) -> bool:
    fused = (getattr(args, "liger_kernel_config", None) or {}).get("fused_linear_cross_entropy", True)
    liger = getattr(args, "use_liger_kernel", False) and fused
    return bool(liger) or getattr(args, "loss_type", None) == "chunked_nll"
