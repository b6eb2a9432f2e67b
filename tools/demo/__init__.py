"""The sample shop: a small mail-order business to try Tabletalk on.

`generate` makes its rows, purely; `seed_postgres` and `seed_mysql` write them; `install` does all that a first start
needs: database, reading account, rows, registration, training; `make_searchable` has its rows synced.
"""

from tools.demo.install import install, make_searchable
from tools.demo.seeds import seed_mysql, seed_postgres
from tools.demo.shop import generate

__all__ = ["generate", "install", "make_searchable", "seed_mysql", "seed_postgres"]
