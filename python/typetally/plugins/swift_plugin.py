"""ms-swift's plugin: `swift sft ... --external_plugins $(typetally plugin swift) --callbacks typetally`.

ms-swift puts this file's folder on the module search path, so it holds nothing that could be taken for another module.
"""

from typing import Any, ClassVar

from swift.callbacks import TrainerCallback, callbacks_map

import typetally as tt


class TypeTally(TrainerCallback):  # type: ignore[misc]  # ms-swift is not installed where this is checked
    """Attaches to the trainer while that is constructed: its data loaders then get the wrapped collator. A subclass
    under a name of its own in `callbacks_map` may set `config` and `typer`; see `typetally.attach`."""

    config: ClassVar[tt.TokenTypeMetricsConfig | None] = None
    typer: ClassVar[tt.TokenTyper | None] = None

    def on_init_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.handle = tt.attach(self.trainer, self.typer, self.config)


callbacks_map["typetally"] = TypeTally
