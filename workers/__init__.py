"""What the queue runs: thin jobs over the same tools. `python -m workers` starts the crew that runs them.

structlog and redis load what happens to be installed beside them: the one rich, to draw tracebacks, the other
OpenTelemetry, to measure itself. No worker has a use for either, and each job's process would carry 7 MB more; so both
are imported here as if they stood alone. Telemetry that is asked for loads its own afterwards.
"""

import sys
from importlib import import_module

_BESIDE = [name for name in ("rich", "opentelemetry") if name not in sys.modules]
for _name in _BESIDE:
    sys.modules[_name] = None  # type: ignore[assignment]  # Python's own word for: cannot be imported
for _name in ("structlog", "redis.asyncio"):
    import_module(_name)
for _name in _BESIDE:
    del sys.modules[_name]
