"""What this process counts for Prometheus: requests, queries, turns, tokens; nothing of it names a person."""

from prometheus_client import Counter, Gauge, Histogram

QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Seconds: from an answer out of a cache to the limit of a query."""

requests = Counter("tabletalk_requests", "Requests to the REST API.", ("method", "route", "status"))
request_seconds = Histogram(
    "tabletalk_request_seconds", "Time until an answer of the REST API begins.", ("method", "route"), buckets=QUICK
)
queries = Counter("tabletalk_queries", "Statements by what became of them.", ("dialect", "door", "verdict", "outcome"))
query_seconds = Histogram("tabletalk_query_seconds", "Time at the database.", ("dialect",), buckets=QUICK)
rejections = Counter("tabletalk_guard_rejections", "Statements the guard refused.", ("dialect", "door"))
turns = Counter("tabletalk_turns", "Turns of conversations by how they ended.", ("door", "model", "outcome"))
turn_seconds = Histogram("tabletalk_turn_seconds", "Length of a turn.", ("model",), buckets=(*QUICK, 60, 120))
tokens = Counter("tabletalk_model_tokens", "Tokens of the language model.", ("model", "direction"))

# Of all processes together, as store and queue tell it when they are asked
jobs = Gauge("tabletalk_jobs", "Jobs by kind and state.", ("kind", "state"))
waiting = Gauge("tabletalk_queue_depth", "Jobs that wait for a worker.", ("kind",))
workers = Gauge("tabletalk_workers", "Workers that are alive.", ("state",))
up = Gauge("tabletalk_up", "Whether a server we stand on answers.", ("server",))
