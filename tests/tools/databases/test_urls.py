"""URLs as people paste them."""

import pytest

from tools.databases import address_from_url, carries_password
from tools.errors import Invalid


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        (
            "postgresql://ann:s%40cret@db.internal:5433/shop",
            ("postgres", "db.internal", 5433, "shop", "ann", "s@cret", "prefer"),
        ),
        ("postgres://ann@db/shop", ("postgres", "db", 5432, "shop", "ann", "", "prefer")),
        (
            "postgresql+asyncpg://app@/postgres?host=/abs/run",
            ("postgres", "/abs/run", 5432, "postgres", "app", "", "prefer"),
        ),
        ("postgresql://app@%2Fabs%2Frun/postgres", ("postgres", "/abs/run", 5432, "postgres", "app", "", "prefer")),
        (
            "postgresql:///shop?user=ann&password=x&port=6000",
            ("postgres", "localhost", 6000, "shop", "ann", "x", "prefer"),
        ),
        (
            "postgresql://ann@[::1]:5433/shop?sslmode=verify-full",
            ("postgres", "::1", 5433, "shop", "ann", "", "verify-full"),
        ),
        ("mysql+aiomysql://ann:x@db/shop?ssl-mode=REQUIRED", ("mysql", "db", 3306, "shop", "ann", "x", "require")),
        ("mariadb://ann@db:3307/?ssl=true", ("mysql", "db", 3307, "", "ann", "", "require")),
        (
            "mysql+pymysql://ann@/shop?unix_socket=/run/my.sock",
            ("mysql", "/run/my.sock", 3306, "shop", "ann", "", "prefer"),
        ),
    ],
)
def test_a_url_is_read(url: str, parts: tuple[object, ...]) -> None:
    address = address_from_url(url)
    assert parts == (
        address.dialect, address.host, address.port, address.database, address.username,
        address.password.get_secret_value(), address.tls,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("oracle://ann:canary@db/shop", "'oracle' is not among them"),
        ("sqlite:///canary.db", "'sqlite'"),
        ("db.internal", "names none"),
        ("postgresql://ann:canary@db:port/shop", "host or port"),
        ("postgresql://ann:canary@db:99999/shop", "host or port"),
        ("postgresql://ann:canary@[::1/shop", "host or port"),
        ("postgresql://ann:canary@a,b/shop", "several hosts"),
        ("postgresql://ann:canary@db/shop?sslmode=sometimes", "'sometimes'"),
        ("postgresql://ann:canary@/shop?port=many", "'many'"),
    ],
)
def test_what_is_wrong_is_named_and_the_password_is_not(url: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as caught:
        address_from_url(url)
    assert "canary" not in str(caught.value) and caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "carries"),
    [
        ("postgres://ann:secret@db/shop", True),
        ("please use mysql://ann:p@ss@db/shop", True),
        ("host=db password=secret", True),
        ("postgres://ann@db/shop", False),
        ("db.internal:5432", False),
        ("[::1]", False),
    ],
)
def test_a_password_is_noticed(text: str, carries: bool) -> None:
    assert carries_password(text) is carries
