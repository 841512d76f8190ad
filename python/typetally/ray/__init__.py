"""Audits, types and packs data sets on Ray Data, over as many machines as a cluster has: `pip install typetally[ray]`.

Results are those of one machine: counts are merged, and merging does not depend on the order or on the cut into parts.
"""

try:
    import ray.data as _needed  # noqa: F401
except ImportError as error:
    raise ImportError(f"[typetally.ray] expected `pip install typetally[ray]`: {error}") from error

from typetally.ray.auditing import audit
from typetally.ray.lengths import length_counts
from typetally.ray.packing import Packing, pack_rows
from typetally.ray.types import type_rows

__all__ = ["Packing", "audit", "length_counts", "pack_rows", "type_rows"]
