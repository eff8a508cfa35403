"""Pages made from their templates."""

import json
from typing import Any
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

from catalogs.browser.auth.sessions import Session

templates = Environment(
    loader=PackageLoader("catalogs.browser", "pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


def page(name: str, session: Session | None, catalog: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page as an answer. `catalog` is the catalog's name for people, `values` are the variables of the template."""
    common = {"session": session, "catalog": catalog, "page": name, "data": values.get("data") or {}}
    return HTMLResponse(templates.get_template(f"{name}.html").render(**{**common, **values}), status)


def to_query(**values: str) -> str:
    """Part of an address, for templates."""
    return urlencode(values)


templates.filters["tojson_data"] = lambda value: json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
templates.filters["short_place"] = lambda uri: "/".join(uri.rstrip("/").split("/")[-2:])
templates.globals["to_query"] = to_query
