"""Run by bench_sync with an interpreter that has dlt: load one table by one of its backends, print the seconds it took.

PYTHON dlt_peer.py SOURCE_URL STORE_URL BACKEND

The interpreter needs `dlt[postgres,sql_database]`, pymysql, pyarrow, connectorx and pandas; the project does not.
"""

import sys
import tempfile
import time
from typing import Any
from uuid import uuid4

UNUSED = "unused"
"""dlt asks for a password where the server asks for none."""


def main(source: str, store: str, backend: str) -> None:
    """Load `sales` into a dataset of its own, and drop it."""
    import dlt  # type: ignore[import-not-found]  # in no environment of ours
    from dlt.sources.sql_database import sql_table  # type: ignore[import-not-found]
    from sqlalchemy import make_url

    name, url = f"bench_{uuid4().hex[:8]}", make_url(store)
    login = {
        "drivername": "postgresql",
        "host": url.host or str(url.query["host"]).replace("/", "%2F"),
        "port": url.port or 5432,
        "database": url.database,
        "username": url.username,
        "password": url.password or UNUSED,
    }
    with tempfile.TemporaryDirectory() as folder:
        destination: Any = dlt.destinations.postgres(credentials=login)
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
