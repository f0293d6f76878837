"""The page at /docs: what `openapi` describes, for people."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;
color:#222;background:#fff}
h1{font-size:1.4rem}summary{cursor:pointer;padding:.3rem 0}code{font:13px ui-monospace,monospace}
details{border-top:1px solid #ddd}table{border-collapse:collapse;margin:.5rem 0 1rem;width:100%}
td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #eee}
b{display:inline-block;width:3.5rem;color:#06c}.of{color:#666}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td,th,details{border-color:#333}
b{color:#6af}.of{color:#999}}
"""


def page(described: Mapping[str, Any]) -> str:
    """Return a page in HTML about a description: it stands alone, without a script or another file."""
    parts = [
        "<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>prodgen serve: API</title>",
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style></head><body>",
        f"<h1>{html.escape(described['info']['title'])}</h1>",
        "<p>The API of AUTOMATIC1111. The same for programs: <a href=openapi.json>openapi.json</a>.</p>",
    ]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            parts += [
                f"<details><summary><b>{method.upper()}</b><code>{html.escape(path)}</code>",
                f" <span class=of>{html.escape(operation.get('summary', ''))}</span></summary>",
                *_tables(described, operation),
                "</details>",
            ]
    return "".join([*parts, "</body></html>"])


def _tables(described: Mapping[str, Any], operation: Mapping[str, Any]) -> list[str]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    parts = [_table("Takes", _resolved(described, body))] if body else []
    answers = operation["responses"].get("200", {}).get("content", {})
    for kind, content in answers.items():
        parts.append(_table(f"Answers ({kind})", _resolved(described, content.get("schema", {}))))
    return parts


def _resolved(described: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return described["components"]["schemas"][name] if name else schema


def _table(title: str, schema: Mapping[str, Any]) -> str:
    of_list = schema.get("type") == "array"
    inner = schema["items"] if of_list else schema
    heading = f"<h3>{html.escape(title)}{': a list of' if of_list else ''}</h3>"
    rows = [
        f"<tr><td><code>{html.escape(name)}</code><td>{html.escape(_kind(one))}"
        f"<td>{html.escape(json.dumps(one['default'])) if 'default' in one else ''}"
        f"<td>{html.escape(one.get('description', ''))}"
        for name, one in inner.get("properties", {}).items()
    ]
    if not rows:
        return f"{heading}<p>{html.escape(_kind(inner))}</p>"
    return f"{heading}<table><tr><th>Field<th>Type<th>Default<th>{''.join(rows)}</table>"


def _kind(schema: Mapping[str, Any]) -> str:
    """Return a schema's type and range in a few words."""
    kind = schema.get("type", "object" if "anyOf" in schema else "anything")
    words = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if schema.get("format") == "picture":
        words += ", a picture in base64"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        words += f", {low} to {high}" if high is not None else f", from {low}"
    return words
