"""A plugin of one's own for ms-swift: which data sets count, and more metrics.

swift sft ... --external_plugins examples/swift_plugin.py --callbacks lvis_by_type
"""

from swift.callbacks import callbacks_map

import typetally as tt
from typetally.plugins.swift_plugin import TypeTally


class LvisByType(TypeTally):
    config = tt.TokenTypeMetricsConfig(include=("lvis",), extended=True)


callbacks_map["lvis_by_type"] = LvisByType
