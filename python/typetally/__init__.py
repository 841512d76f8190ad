"""Shows what a grounding vision-language model is learning: loss, accuracy and entropy by token type."""

from importlib.metadata import version

from typetally._core import set_num_threads
from typetally.base.config import TokenTypeMetricsConfig
from typetally.batch.boundaries import document_boundaries
from typetally.batch.collate import collate_packed, collate_padded
from typetally.batch.mrope import MRope
from typetally.batch.pack_plan import PackedDataset, PackPlan, plan_packs
from typetally.batch.pack_stream import stream_packs
from typetally.collator import TokenTypeCollator
from typetally.isolation import check_isolation
from typetally.report.render import render
from typetally.report.tokens_page import Rendered
from typetally.tally.meter import TokenTypeMeter
from typetally.tally.row_stats import RowStats, row_stats
from typetally.text.grammar import Grammar, grammars
from typetally.text.vocabulary import Vocabulary
from typetally.trainer import TokenTypeMetricsMixin, attach
from typetally.typing.reference import compute_token_types
from typetally.typing.typer import Span, TokenTyper, TypedLabels, TypedPayload

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
