"""The shape of the sample shop: its tables as data, and the DDL of each dialect."""

from dataclasses import dataclass
from functools import cached_property

from tools.connectors.base import Dialect

TYPES: dict[Dialect, dict[str, str]] = {
    "postgres": {"money": "numeric(10,2)", "weight": "numeric(8,3)", "datetime": "timestamp(0)", "int": "integer"},
    "mysql": {"money": "decimal(10,2)", "weight": "decimal(8,3)", "bool": "tinyint(1)"},
}
"""Our words for types, where a dialect has another one; `text`, `date`, `varchar(n)` are words of both."""


@dataclass(frozen=True)
class ShopColumn:
    """One column; `kind` is a type of TYPES or of both dialects."""

    name: str
    kind: str
    nullable: bool
    target: str | None
    """The table whose id it holds."""
    comment: str


@dataclass(frozen=True)
class ShopTable:
    """One table; its primary key is always `id`."""

    name: str
    comment: str
    lines: str
    """A column a line: name, type with `?` where it may be null and `>table` for a foreign key, comment."""
    unique: tuple[str, ...] = ()
    """Each a comma-separated list of columns."""
    indexes: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> tuple[ShopColumn, ...]:
        """The columns in order."""
        return tuple(_column(line) for line in self.lines.strip().splitlines())


def _column(line: str) -> ShopColumn:
    name, kind, comment = line.split(None, 2)
    kind, _, target = kind.partition(">")
    return ShopColumn(name, kind.rstrip("?"), kind.endswith("?"), target or None, comment)


TABLES = (
    ShopTable(
        "customers",
        "People and companies with an account in the shop.",
        """
        id            int           Customer number
        name          varchar(80)   Full name of the customer
        email         varchar(120)  E-mail address the account is registered with
        phone         varchar(30)?  Phone number, if given
        segment       varchar(20)   Kind of customer: consumer or business
        city          varchar(60)   City of the customer's address
        country       varchar(40)   Country of the customer's address
        newsletter    bool          Whether the customer receives the newsletter
        registered_at datetime      When the account was made
        """,
        unique=("email",),
        indexes=("country", "registered_at"),
    ),
    ShopTable(
        "categories",
        "Categories of products; departments hold narrower categories.",
        """
        id        int              Category number
        name      varchar(60)      Name of the category
        parent_id int?>categories  The department it belongs to; empty for a department itself
        """,
        unique=("name",),
    ),
    ShopTable(
        "suppliers",
        "Companies that products are bought from.",
        """
        id             int          Supplier number
        name           varchar(80)  Name of the company
        country        varchar(40)  Country the goods are sent from
        lead_time_days int          Days from ordering at the supplier until the goods are in the warehouse
        """,
    ),
    ShopTable(
        "warehouses",
        "Places where goods are stored and sent from.",
        """
        id      int          Warehouse number
        name    varchar(60)  Name of the warehouse
        city    varchar(60)  City it stands in
        country varchar(40)  Country it stands in
        """,
    ),
    ShopTable(
        "products",
        "Articles the shop sells.",
        """
        id           int             Product number
        sku          varchar(20)     Stock keeping unit, printed on the label
        name         varchar(80)     Name of the product
        category_id  int>categories  Category it is listed in
        supplier_id  int>suppliers   Supplier it is bought from
        price        money           Present list price of one piece in euros
        cost         money           What one piece costs the shop, in euros
        weight_kg    weight          Weight of one piece in kilograms
        launched_on  date            Day it was first sold
        discontinued bool            Whether it is no longer sold
        """,
        unique=("sku",),
        indexes=("category_id", "supplier_id"),
    ),
    ShopTable(
        "orders",
        "Orders of customers, one row each; their lines are in order_items.",
        """
        id               int            Order number
        customer_id      int>customers  Who ordered
        status           varchar(20)    pending, processing, shipped, delivered or cancelled
        channel          varchar(20)    Where it was ordered: web, app, marketplace or phone
        ordered_at       datetime       When it was placed
        shipped_at       datetime?      When it left the warehouse; empty while it has not
        delivered_at     datetime?      When the last parcel arrived; empty while it has not
        cancelled_at     datetime?      When it was cancelled; empty otherwise
        shipping_city    varchar(60)    City it is sent to
        shipping_country varchar(40)    Country it is sent to
        coupon_code      varchar(20)?   Coupon used, if any
        shipping_fee     money          What the customer pays for shipping, in euros
        total            money          What the customer pays in all, in euros: the lines and the shipping fee
        """,
        indexes=("customer_id", "ordered_at", "shipped_at", "status"),
    ),
    ShopTable(
        "order_items",
        "Lines of orders: which product, how many, at what price.",
        """
        id         int           Line number, unique over all orders
        order_id   int>orders    Order it belongs to
        product_id int>products  Product ordered
        quantity   int           Number of pieces
        unit_price money         Price of one piece when it was ordered, in euros
        discount   money         Reduction of the whole line, in euros
        line_total money         Quantity times unit price less discount, in euros
        """,
        indexes=("order_id", "product_id"),
    ),
    ShopTable(
        "shipments",
        "Parcels sent to customers; a large order may leave in two.",
        """
        id              int             Shipment number
        order_id        int>orders      Order it belongs to
        warehouse_id    int>warehouses  Warehouse it left from
        carrier         varchar(30)     Parcel service
        tracking_number varchar(30)     Number to follow the parcel by
        status          varchar(20)     in transit, delivered or lost
        shipped_at      datetime        When it left the warehouse
        promised_on     date            Day it was promised to arrive
        delivered_at    datetime?       When it arrived; empty while it has not
        shipping_cost   money           What the carrier charges the shop, in euros
        """,
        unique=("tracking_number",),
        indexes=("order_id", "shipped_at"),
    ),
    ShopTable(
        "returns",
        "Items that customers sent back, one row for each returned order line.",
        """
        id            int              Return number
        order_id      int>orders       Order the item came from
        order_item_id int>order_items  Order line that is returned
        customer_id   int>customers    Who returned it
        product_id    int>products     Product returned
        quantity      int              Number of pieces returned
        reason        varchar(30)      damaged, wrong item, wrong size, not as described, changed mind or arrived late
        status        varchar(20)      requested, received, refunded or rejected
        requested_at  datetime         When the customer asked for it
        received_at   datetime?        When the goods came back; empty while they have not
        refunded_at   datetime?        When the money was paid back; empty while it has not
        refund_amount money            Money paid back, or to be paid back, in euros
        """,
        unique=("order_item_id",),
        indexes=("order_id", "customer_id", "product_id", "requested_at"),
    ),
    ShopTable(
        "settlements",
        "Weekly pay-outs of the payment providers.",
        """
        id            int          Settlement number
        provider      varchar(20)  Payment provider that pays out
        period_start  date         First day of the week, a Monday
        period_end    date         Last day of the week, a Sunday
        gross_amount  money        Sum of the payments of the week, in euros
        fee_amount    money        Fees the provider keeps, in euros
        refund_amount money        Refunds of the week, in euros
        net_amount    money        Gross less fees and refunds, in euros
        status        varchar(20)  open or paid out
        paid_out_on   date?        Day the money arrived; empty while open
        """,
        unique=("provider, period_start",),
    ),
    ShopTable(
        "payments",
        "Payments for orders, failed attempts included.",
        """
        id            int               Payment number
        order_id      int>orders        Order that is paid for
        settlement_id int?>settlements  Weekly pay-out it is part of; empty when failed or not settled
        provider      varchar(20)       Payment provider
        method        varchar(20)       card, wallet, direct debit, bank transfer or invoice
        status        varchar(20)       paid, pending, failed or refunded
        amount        money             Amount in euros
        fee           money             Fee of the provider in euros
        created_at    datetime          When the customer began to pay
        paid_at       datetime?         When the money was received; empty when it was not
        """,
        indexes=("order_id", "settlement_id", "paid_at"),
    ),
    ShopTable(
        "inventory",
        "Stock of each product in each warehouse, as last counted.",
        """
        id               int             Row number
        product_id       int>products    Product
        warehouse_id     int>warehouses  Warehouse
        quantity         int             Pieces in stock
        reserved         int             Pieces of these that are promised to orders
        reorder_level    int             Order more when the stock falls below this many pieces
        reorder_quantity int             How many pieces to order then
        counted_at       datetime        When the stock was last counted
        """,
        unique=("product_id, warehouse_id",),
        indexes=("warehouse_id",),
    ),
    ShopTable(
        "claims",
        "Complaints of customers, in their own words.",
        """
        id           int            Claim number
        order_id     int>orders     Order it is about
        customer_id  int>customers  Who complained
        type         varchar(20)    late delivery, damaged goods, wrong item, missing item, quality or billing
        priority     varchar(10)    low, normal or high
        status       varchar(20)    open, in progress, resolved or rejected
        subject      varchar(120)   Subject line
        description  text           What the customer wrote
        opened_at    datetime       When it came in
        resolved_at  datetime?      When it was settled; empty while it is not
        compensation money?         Money or voucher given as compensation, in euros
        """,
        indexes=("order_id", "customer_id", "opened_at"),
    ),
)
"""In an order in which each can be filled: what a foreign key points to comes first."""


def ddl(dialect: Dialect) -> tuple[str, ...]:
    """The statements that make the empty tables, with their keys, indexes and comments."""
    return tuple(statement for table in TABLES for statement in _table_ddl(table, dialect))


def _table_ddl(table: ShopTable, dialect: Dialect) -> list[str]:
    said = dialect == "mysql"
    parts = [_column_ddl(column, dialect) for column in table.columns]
    parts.append("PRIMARY KEY (id)")
    parts += [f"UNIQUE ({columns})" for columns in table.unique]
    parts += [
        f"FOREIGN KEY ({column.name}) REFERENCES {column.target} (id)" for column in table.columns if column.target
    ]
    comment = f" ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT={_quoted(table.comment)}" if said else ""
    statements = [f"CREATE TABLE {table.name} (\n    " + ",\n    ".join(parts) + f"\n){comment}"]
    statements += [f"CREATE INDEX ix_{table.name}_{column} ON {table.name} ({column})" for column in table.indexes]
    if not said:
        statements.append(f"COMMENT ON TABLE {table.name} IS {_quoted(table.comment)}")
        statements += [
            f"COMMENT ON COLUMN {table.name}.{column.name} IS {_quoted(column.comment)}" for column in table.columns
        ]
    return statements


def _column_ddl(column: ShopColumn, dialect: Dialect) -> str:
    kind = TYPES[dialect].get(column.kind, column.kind)
    comment = f" COMMENT {_quoted(column.comment)}" if dialect == "mysql" else ""
    return f"{column.name} {kind}{' NULL' if column.nullable else ' NOT NULL'}{comment}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
