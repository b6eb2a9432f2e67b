"""Traces and metrics over OpenTelemetry: off, and nothing of it loaded, unless TABLETALK_OTEL_ENDPOINT is set.

What people ask, what stands in rows and what a request carries beside its path stays out of them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tools.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider
    from sqlalchemy.ext.asyncio import AsyncEngine

NAME = "tabletalk"

SECONDS = 3
"""A collector that is away must not hold a process up."""

LONGEST_STATEMENT = 2000

UNWATCHED = {"/healthz", "/readyz", "/metrics"}

_providers: "list[tuple[TracerProvider, MeterProvider]]" = []
"""OpenTelemetry knows one of each per process; empty while it is off."""


def start(settings: Settings, service: str) -> None:
    """Send traces and metrics of this process to the collector of the settings, as `tabletalk-SERVICE`."""
    if not settings.otel_endpoint or _providers:
        return
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings

    class WithoutQuery(SpanProcessor):
        """Keeps the path of an address alone: what is searched for stands behind it."""

        def on_start(self, span: Span, parent_context: object = None) -> None:
            """FastAPI writes it down by itself."""
            if span.attributes is not None and "url.query" in span.attributes:
                span.set_attribute("url.query", "...")

    endpoint, resource = settings.otel_endpoint.rstrip("/"), Resource.create({SERVICE_NAME: f"{NAME}-{service}"})
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(WithoutQuery())
    tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=SECONDS)))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint}/v1/metrics", timeout=SECONDS))
    measuring = MeterProvider(metric_readers=[reader], resource=resource)
    trace.set_tracer_provider(tracing)
    metrics.set_meter_provider(measuring)
    _providers.append((tracing, measuring))
    Agent.instrument_all(InstrumentationSettings(include_content=False, include_model_request_parameters=False))


def stop() -> None:
    """Send what is left; before a process ends that does not end by itself."""
    for tracing, measuring in _providers:
        tracing.shutdown()
        measuring.shutdown()
    _providers.clear()


def watch_engine(engine: "AsyncEngine") -> None:
    """Trace the statements of the store; their values are never part of them."""
    if not _providers:
        return
    from opentelemetry import trace
    from sqlalchemy import event

    tracer = trace.get_tracer(NAME)

    def begin(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        name, attributes = _named(statement)
        span = tracer.start_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes)
        connection.info.setdefault(NAME, []).append(span)

    def end(connection: Any, *_: Any) -> None:
        if spans := connection.info.get(NAME):
            spans.pop().end()

    def fail(context: Any) -> None:
        if context.connection is not None and (spans := context.connection.info.get(NAME)):
            spans[-1].set_status(trace.StatusCode.ERROR, type(context.original_exception).__name__)
            spans.pop().end()

    event.listen(engine.sync_engine, "before_cursor_execute", begin)
    event.listen(engine.sync_engine, "after_cursor_execute", end)
    event.listen(engine.sync_engine, "handle_error", fail)


def _named(statement: str) -> tuple[str, dict[str, str]]:
    attributes = {"db.system.name": "postgresql", "db.query.text": statement[:LONGEST_STATEMENT]}
    return f"store {statement.split(maxsplit=1)[0].upper()}", attributes


@contextmanager
def statement(text: str) -> Iterator[None]:
    """Trace a statement of the store that goes past its engine; see watch_engine."""
    if not _providers:
        yield
        return
    from opentelemetry import trace

    name, attributes = _named(text)
    client = trace.SpanKind.CLIENT
    with trace.get_tracer(NAME).start_as_current_span(name, kind=client, attributes=attributes, record_exception=False):
        yield


def is_watched(scope: Mapping[str, Any]) -> bool:
    """Tell whether a request is worth a trace: those that ask how we are doing come every few seconds."""
    return scope.get("path") not in UNWATCHED


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """Trace a block."""
    with linked(name, None, **attributes):
        yield


def carrier() -> dict[str, str]:
    """Give the trace in hand, for whoever goes on with it elsewhere; empty when there is none."""
    carried: dict[str, str] = {}
    if _providers:
        from opentelemetry.propagate import inject

        inject(carried)
    return carried


@contextmanager
def linked(name: str, carried: Mapping[str, str] | None, **attributes: str | int) -> Iterator[None]:
    """Trace a block in a trace of its own, linked to the one that was `carried` here (None: within the one in hand)."""
    if not _providers:
        yield
        return
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.propagate import extract

    origin = trace.get_current_span(extract(carried)).get_span_context() if carried else None
    links = [trace.Link(origin)] if origin is not None and origin.is_valid else []
    context = None if carried is None else Context()
    with trace.get_tracer(NAME).start_as_current_span(
        name, context=context, links=links, attributes=dict(attributes), record_exception=False
    ):
        yield
