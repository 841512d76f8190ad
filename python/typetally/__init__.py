"""Shows what a grounding vision-language model is learning: loss, accuracy and entropy by token type."""

from importlib.metadata import version

from typetally._core import set_num_threads
from typetally.boundaries import document_boundaries
from typetally.collate import collate_packed, collate_padded
from typetally.collator import TokenTypeCollator
from typetally.config import TokenTypeMetricsConfig
from typetally.grammar import Grammar, grammars
from typetally.isolation import check_isolation
from typetally.meter import TokenTypeMeter
from typetally.mrope import MRope
from typetally.pack_plan import PackedDataset, PackPlan, plan_packs
from typetally.pack_stream import stream_packs
from typetally.reference import compute_token_types
from typetally.render import render
from typetally.row_stats import RowStats, row_stats
from typetally.tokens_page import Rendered
from typetally.trainer import TokenTypeMetricsMixin, attach
from typetally.typer import Span, TokenTyper, TypedLabels, TypedPayload
from typetally.vocabulary import Vocabulary

__version__ = version("typetally")

__all__ = [
    "Grammar",
    "MRope",
    "PackPlan",
    "PackedDataset",
    "Rendered",
    "RowStats",
    "Span",
    "TokenTypeCollator",
    "TokenTypeMeter",
    "TokenTypeMetricsConfig",
    "TokenTypeMetricsMixin",
    "TokenTyper",
    "TypedLabels",
    "TypedPayload",
    "Vocabulary",
    "attach",
    "check_isolation",
    "collate_packed",
    "collate_padded",
    "compute_token_types",
    "document_boundaries",
    "grammars",
    "plan_packs",
    "render",
    "row_stats",
    "set_num_threads",
    "stream_packs",
]
