"""The OpenAPI document: routes as FastAPI describes them, fields in the words of their docstrings, examples."""

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from assistant.api.problems import Problem

REF = "#/components/schemas/{model}"


def document(api: FastAPI) -> dict[str, Any]:
    """Make the OpenAPI 3.1 document of an application."""
    made: dict[str, Any] = get_openapi(
        title=api.title,
        version=api.version,
        description=api.description,
        routes=api.routes,
        servers=api.servers,
        tags=api.openapi_tags,
    )
    schemas: dict[str, Any] = made.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template=REF)
    schemas |= {**problem.pop("$defs", {}), "Problem": problem}
    models = {model.__name__: model for model in _models(BaseModel)}
    for name, schema in schemas.items():
        if name in models:
            _describe(schema, models[name])
    for operation in (one for methods in made["paths"].values() for one in methods.values()):
        operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
    for name, example in examples().items():
        schemas[name]["example"] = example
    return made


def examples() -> dict[str, Any]:
    """What answers look like, by the name of their schema."""
    read: dict[str, Any] = json.loads(files("assistant.api").joinpath("examples.json").read_text(encoding="utf-8"))
    return read


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        if model.__module__.partition(".")[0] in ("assistant", "tools"):
            yield model
        yield from _models(model)


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Take the string below each field as its description, as the reader of the code does."""
    for owner in model.__mro__:
        for field, words in _docstrings(owner.__module__).get(owner.__name__, {}).items():
            if field in schema.get("properties", {}):
                schema["properties"][field].setdefault("description", words)


@lru_cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    """Class -> field -> the string that stands below it, of one of our modules."""
    if module.partition(".")[0] not in ("assistant", "tools"):
        return {}
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_fields(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(node.body, node.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, inspect.cleandoc(words)
