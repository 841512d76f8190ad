"""The templates of typetally's pages. Everything that is filled in is escaped."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(loader=PackageLoader("typetally.report"), autoescape=True, undefined=StrictUndefined)


def fill(template: str, **values: Any) -> Markup:
    """`templates/<template>` with `values` in it; a Markup value is HTML already and goes in as it is."""
    from markupsafe import Markup

    return Markup(_environment().get_template(template).render(**values))


def markup(html: str) -> Markup:
    """Marks `html`, which a template made, as what needs no escaping."""
    from markupsafe import Markup

    return Markup(html)


def styles(*names: str) -> Markup:
    """The named style sheets of `templates/`, joined."""
    from markupsafe import Markup

    folder = resources.files("typetally.report").joinpath("templates")
    return Markup("".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names))
