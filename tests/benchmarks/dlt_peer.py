"""Run by bench_sync with an interpreter that has dlt: load one table by one of its backends, print the seconds it took.

PYTHON dlt_peer.py SOURCE_URL STORE_URL BACKEND
"""

import sys
import tempfile
import time
from typing import Any
from uuid import uuid4


def main(source: str, store: str, backend: str) -> None:
    """Load `sales` into a dataset of its own, and drop it."""
    import dlt  # type: ignore[import-not-found]  # in no environment of ours
    from dlt.sources.sql_database import sql_table  # type: ignore[import-not-found]

    name = f"bench_{uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder:
        destination: Any = dlt.destinations.postgres(store)
        pipeline = dlt.pipeline(name, pipelines_dir=folder, destination=destination, dataset_name=name)
        table = sql_table(credentials=source, table="sales", backend=backend, chunk_size=50_000)
        started = time.perf_counter()
        pipeline.run(table)
        seconds = time.perf_counter() - started
        with pipeline.sql_client() as client:
            client.drop_dataset()
    print(f"seconds {seconds:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
