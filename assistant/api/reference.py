"""The API's reference for people: one page made from the OpenAPI document, which needs nothing from elsewhere."""

import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from assistant.api.problems import slug
from tools import errors

Schema = dict[str, Any]

FITS = 76
"""Characters of JSON on one line."""


def page(document: dict[str, Any]) -> str:
    """Write the page."""
    operations = list(_operations(document))
    template = files("assistant.api").joinpath("reference.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=escape(document["info"]["title"]),
        about="".join(f"<p>{_words(one)}</p>" for one in document["info"]["description"].split("\n\n")),
        openapi=escape(document["openapi"]),
        contents=_contents(document, operations),
        nouns="".join(_noun(document, tag, operations) for tag in document["tags"]),
        shapes="".join(_shape(name, schema) for name, schema in sorted(document["components"]["schemas"].items())),
        problems="".join(_problem(error) for error in _errors(errors.AssistantError)),
    )


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _contents(document: dict[str, Any], operations: list[tuple[str, str, Schema]]) -> str:
    parts = []
    for tag in document["tags"]:
        parts.append(f"<b>{escape(tag['name'].capitalize())}</b>")
        parts += [
            f'<a href="#{operation["operationId"]}">{escape(operation["summary"])}</a>'
            for _, _, operation in operations
            if tag["name"] in operation["tags"]
        ]
    return "".join(parts)


def _noun(document: dict[str, Any], tag: Schema, operations: list[tuple[str, str, Schema]]) -> str:
    routes = "".join(
        _route(document, method, path, operation)
        for method, path, operation in operations
        if tag["name"] in operation["tags"]
    )
    return f'<h2 id="{tag["name"]}">{escape(tag["name"])}</h2><p class="quiet">{_words(tag["description"])}</p>{routes}'


def _route(document: dict[str, Any], method: str, path: str, operation: Schema) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    parts = [
        f'<article id="{operation["operationId"]}"><h3>{escape(operation["summary"])}</h3>',
        f'<div class="route"><span class="method">{method}</span>{escape(document["servers"][0]["url"] + path)}</div>',
        f"<p>{_words(operation.get('description', ''))}</p>",
        _table("Parameters", [_parameter(one) for one in operation.get("parameters", [])]),
    ]
    if body:
        parts.append(f"<h4>Body: {_type(body)}</h4>{_example(document, body)}")
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            parts.append(f"<h4>Answers {status}: {' or '.join(_contents_of(answer)) or 'nothing'}</h4>")
            schema = answer.get("content", {}).get("application/json", {}).get("schema")
            parts.append(_example(document, schema) if schema else "")
    return "".join(parts) + "</article>"


def _contents_of(answer: Schema) -> Iterator[str]:
    for kind, content in answer.get("content", {}).items():
        yield _type(content["schema"]) if kind == "application/json" else f"<code>{escape(kind)}</code>"


def _parameter(one: Schema) -> tuple[str, str, str]:
    name = f"<code>{escape(one['name'])}</code>"
    kind = _type(one["schema"]) if one.get("required") else _type(one["schema"]).removesuffix(" or null")
    place = f"{kind}, {one['in']}{'' if one.get('required') else ', optional'}"
    return name, place, _words(one.get("description", ""))


def _shape(name: str, schema: Schema) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(field)}</code>",
            _type(of) + ("" if field in required else ", optional"),
            _words(of.get("description", "")),
        )
        for field, of in schema.get("properties", {}).items()
    ]
    about = _words(schema.get("description", "").partition("\n\n")[0])
    head = f'<article id="{slug(name)}"><h3>{escape(_called(name))}</h3><p class="quiet">{about}</p>'
    return f"{head}{_table('', rows)}</article>"


def _called(name: str) -> str:
    return f"Page of {name[5:-1]}" if name.startswith("Page_") else name


def _type(schema: Schema) -> str:
    """A schema in a few words, with links to the shapes it names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{slug(name)}">{escape(_called(name))}</a>'
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return " or ".join(dict.fromkeys(_type(one) for one in several))
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("format") or schema.get("type") or "any"))


def _example(document: dict[str, Any], schema: Schema) -> str:
    named = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
    example = named.get("example")
    if example is None:
        filled = {name: of["examples"][0] for name, of in named.get("properties", {}).items() if of.get("examples")}
        example = filled or None
    if example is None:
        return ""
    return f"<pre>{escape(_json(example))}</pre>"


def _json(value: Any, indent: str = "") -> str:
    """JSON as people write it: what fits on a line stands on one."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) <= FITS or not isinstance(value, dict | list):
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(key)}: {_json(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _json(item, inner) for item in value) + f"\n{indent}]"


def _table(title: str, rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in rows)
    return (f"<h4>{title}</h4>" if title else "") + f"<table>{cells}</table>"


def _errors(base: type[errors.AssistantError]) -> Iterator[type[errors.AssistantError]]:
    yield base
    for error in base.__subclasses__():
        if error.__module__ == errors.__name__:
            yield from _errors(error)


def _problem(error: type[errors.AssistantError]) -> str:
    words = _words((error.__doc__ or "").partition("\n\n")[0])
    return (
        f'<article id="{slug(error.title)}"><h3>{escape(error.title)} <span class="quiet">{error.status}</span></h3>'
        f"<p>{words}</p></article>"
    )


def _words(text: str) -> str:
    """A text with its `code` as such."""
    parts = escape(" ".join(text.split())).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
