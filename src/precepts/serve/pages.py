"""Templates: every value is made visible and escaped, nothing is markup but the templates' own."""

from __future__ import annotations

import functools
from pathlib import Path

import jinja2
from markupsafe import Markup

from precepts.cards.text import Shown, clip, show, visible
from precepts.serve.cases import LONGEST

_HERE = Path(__file__).parent / "templates"


@functools.cache
def environment() -> jinja2.Environment:
    """The templates' environment."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=_finalize,
    )  # fmt: skip
    made.filters["clip"] = _clip
    made.filters["shown"] = _shown
    return made


def _clip(value: object, limit: int) -> str:
    return clip(str(value), limit)


def _shown(text: object) -> Shown:
    return show(str(text), limit=LONGEST)


def _finalize(value: object) -> object:
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)


def page(name: str, **values: object) -> str:
    """A page; half characters cannot stand in one, since `visible` spells them out."""
    return environment().get_template(name).render(**values)
