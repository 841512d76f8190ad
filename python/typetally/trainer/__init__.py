"""Adapters for trainers. Nothing here imports Torch before it is used."""

from typetally.collator.notes import Coverage
from typetally.trainer.attach import attach
from typetally.trainer.mixin import TokenTypeMetricsMixin

__all__ = ["Coverage", "TokenTypeMetricsMixin", "attach"]
