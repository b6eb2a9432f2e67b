"""Commands in natural variation, and questions that must not be taken for one."""

import pytest

from assistant.offline.commands import Command, read_command, vocabulary
from assistant.offline.patterns import compile_pattern, slip
from assistant.offline.slots import Known

KNOWN = Known(
    databases=("shop", "warehouse", "north_region"),
    tables={
        "shop": (
            ("public.orders", "orders"),
            ("public.customers", "customers"),
            ("public.order_items", "order_items"),
        ),
        "warehouse": (("public.stock_moves", "stock_moves"),),
    },
    columns={
        "orders": ("id", "customer_id", "total"),
        "customers": ("id", "name", "country"),
        "order_items": ("order_id", "quantity"),
    },
)

INTENTS = {
    "list_databases": [
        "list databases",
        "show me the databases please",
        "Which databases do you know?",
        "could you show all registered databases",
        "databases",
        "what databases are there?",
    ],
    "register_database": [
        "register our warehouse db",
        "add a new database",
        "Connect to a MySQL database",
        "I want to register a database",
        "regsiter a new database",
        "how do I connect a database?",
    ],
    "check_database": [
        "check shop",
        "is shop still up?",
        "ping warehouse",
        "Does warehouse answer?",
        "test the connection to shop",
    ],
    "rename_database": ["rename shop to store", "please rename the database shop to store"],
    "forget_database": [
        "forget warehouse",
        "forget the warehouse database",
        "please disconnect shop",
        "get rid of warehouse",
    ],
    "use_database": ["use shop", "switch to the warehouse database", "let's work with north region"],
    "list_tables": [
        "show tables",
        "list the tables of shop",
        "what tables are there in warehouse?",
        "which tables does shop have",
        "what is in shop?",
        "shwo tabels",
        "please could you list the tabels in the shop databse",
        "hi, show tables",
    ],
    "describe_table": [
        "describe orders",
        "what columns does the orders table have?",
        "columns of order items",
        "show me the structure of customers",
        "tell me about orders",
        "describe ordrs",
    ],
    "set_description": ["describe orders as: every order a customer placed"],
    "sync": [
        "sync shop",
        "sync orders and customers from shop every night at 2, only the last 18 months",
        "please sync everything",
        "synchronise the orders table",
        "every night at 2 sync orders and customers",
        "set up a nightly sync of shop",
        "schedule a sync of orders every hour",
        "I want a sync of orders every monday at 7",
        "keep orders in sync",
        "sync orders from scratch",
        "sync the first 1,000 rows of orders",
        "sync shop every 15 minutes between 9 and 17 on weekdays",
        "sycn shop",
    ],
    "preview_sync": [
        "what would a sync of orders read?",
        "what would a sync of shop bring?",
        "preview the sync of orders, only the last 3 months",
        "what happens if I sync shop?",
        "how many rows would a sync of orders read?",
        "which columns would a sync of customers leave out?",
        "what would be synced from shop?",
    ],
    "sync_status": [
        "when was shop last synced?",
        "when were the orders last synced?",
        "is shop synced?",
        "sync status of shop",
        "how fresh are the documents?",
    ],
    "show_plan": ["show the sync plan of customers", "how are customers synced?"],
    "plan_ignore": [
        "ignore customers.country when syncing",
        "ignore the country of customers when syncing",
        "leave country and name of customers out of the sync",
        "do not sync customers.country",
    ],
    "plan_include": ["include customers.country in the sync", "also sync customers.country"],
    "plan_rename": ["call customers.country land in the documents"],
    "plan_entity": ["treat the rows of customers as people"],
    "plan_title": ["use name as the title of customers"],
    "plan_tags": ["tag orders by total"],
    "plan_watermark": ["use total to tell changes of orders", "sync orders incrementally by total"],
    "train_scheduled": ["train shop every night at 2", "train orders weekdays at 7:30", "every monday train shop"],
    "list_schedules": ["show schedules", "what is scheduled?", "when is the next sync of shop?", "list my schedules"],
    "pause_schedule": [
        "pause the nightly sync",
        "pause schedule 3",
        "stop syncing shop every night",
        "pause the sync of shop",
    ],
    "resume_schedule": ["resume the nightly sync", "resume schedule 3", "unpause shop"],
    "delete_schedule": [
        "delete schedule 3",
        "delete the nightly sync",
        "remove the schedule of shop",
        "unschedule shop",
    ],
    "change_schedule": [
        "change schedule 3 to weekdays at 7",
        "move the nightly sync to 4 every morning",
        "reschedule 3 to every hour",
    ],
    "retry_all": [
        "retry all",
        "retry everything that failed this week",
        "retry all failed syncs",
        "try all of them again",
    ],
    "failed_syncs": ["which syncs failed this week?", "show the failed syncs"],
    "list_syncs": ["recent syncs", "which syncs ran today?", "what was synced today?"],
    "running_sync": ["how is the sync going?", "how far is the sync of orders?", "is the sync done yet?"],
    "cancel_sync": ["cancel the sync", "cancel the sync of shop", "stop syncing"],
    "retry_sync": ["retry the sync of orders", "retry the training"],
    "search_documents": [
        "find the customer who complained about late delivery",
        "which customers complained about late delivery?",
        "who wrote about refunds?",
        "find documents about late delivery",
        "search documents for broken screen",
        "find anything about gift wrapping",
        "search shop for late delivery",
    ],
    "train": [
        "train shop",
        "train orders and customers",
        "Please train everything",
        "learn shop",
        "train order*",
        "start training",
    ],
    "retrain": ["retrain shop", "train orders again", "retrain everything", "please re-train the customers table"],
    "untrain": ["untrain shop", "untrain orders", "remove the training of orders"],
    "training_status": [
        "training status",
        "is orders trained?",
        "which tables are not trained yet?",
        "how far is the training",
        "status",
    ],
    "refresh_schema": [
        "what changed?",
        "refresh the schema",
        "refresh shop",
        "has anything changed in warehouse?",
        "what changed since yesterday",
    ],
    "list_jobs": ["show jobs", "jobs", "list my recent jobs", "which jobs ran today?"],
    "live_jobs": ["what is running?", "show running jobs", "is anything running at the moment?"],
    "failed_jobs": [
        "what failed this week?",
        "failed jobs",
        "show me the jobs that failed yesterday",
        "did anything fail?",
        "any failures today?",
    ],
    "cancel_job": ["cancel 812", "please cancel job #812", "stop job 812", "abort the training"],
    "retry_job": ["retry 812", "restart job 812", "retry the failed job", "run job 812 again"],
    "job_status": ["how is job 812 doing", "job 812", "status of 812", "why did job 812 fail?"],
    "queue_stats": ["how long is the queue?", "queue", "are any workers alive?"],
    "history": [
        "history",
        "show the query history",
        "what did I ask yesterday?",
        "recent queries",
        "search history for revenue",
    ],
    "run_sql": [
        "run this SQL: select 1",
        "execute select count(*) from orders",
        "SELECT * FROM orders LIMIT 3",
        "select name from customers where country = 'France'",
        "with t as (select 1 as a) select a from t",
        "run this query in shop: select 1",
        "run this sql: delete from orders",
    ],
    "save_verified": ["save this as verified", "save as verified", "that's right, save it", "mark this as correct"],
    "list_verified": ["list verified queries", "show me the verified questions", "verified"],
    "rerun": ["run it again", "again", "once more please", "refresh it"],
    "why": [
        "why?",
        "how did you get that?",
        "show me the SQL",
        "explain that",
        "are you sure?",
        "how was that calculated?",
    ],
    "add_note": [
        "note: revenue means paid orders",
        "Note that revenue excludes VAT",
        "please remember that the fiscal year starts in April",
        "for shop note that vip customers are those with ten orders",
        "keep in mind that totals are net",
    ],
    "correction": ["that's wrong, revenue must not include cancelled orders", "no, by best I meant by revenue"],
    "wrong": ["that's wrong", "this is not right"],
    "list_notes": ["list notes", "show the notes of shop", "what do you remember?"],
    "remove_note": ["forget that note", "undo", "undo note", "delete the last note"],
    "help": ["help", "what can you do?", "I need help", "how does this work?"],
    "examples": [
        "what can I ask?",
        "give me some example questions",
        "what data do you have?",
        "What can I ask about shop?",
    ],
    "connect_model": ["connect a model", "how do I connect a model?", "which model are you?"],
    "greeting": ["hello", "Good morning!"],
    "thanks": ["thank you", "great, thanks"],
    "write": [
        "delete all orders",
        "drop table customers",
        "insert a new customer called Ada",
        "update the price of product 3",
    ],
}


@pytest.mark.parametrize(("intent", "sentence"), [(intent, each) for intent, many in INTENTS.items() for each in many])
def test_a_command_is_read_in_its_variations(intent: str, sentence: str) -> None:
    command = read_command(sentence, KNOWN)
    assert command is not None and command.intent == intent


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("rename shop to store", Command("rename_database", database="shop", name="store")),
        ("list the tables of north region", Command("list_tables", database="north_region")),
        ("check wharehouse", Command("check_database", database="warehouse")),
        ("forget archive", Command("forget_database", database="archive")),
        ("describe the order items", Command("describe_table", database="shop", table="public.order_items")),
        ("describe ordrs", Command("describe_table", database="shop", table="public.orders")),
        ("describe invoices", Command("describe_table", table="invoices")),
        ("train orders and customers", Command("train", tables="public.orders,public.customers")),
        ("train order*", Command("train", tables="order*")),
        ("train all tables in shop", Command("train", database="shop", tables="*")),
        ("cancel job #812 please", Command("cancel_job", number=812)),
        ("what failed in the last 3 days?", Command("failed_jobs", period="last 3 days")),
        ("register our orders db", Command("register_database", database="orders")),  # a table's name may be taken
        ("connect to a mariadb database", Command("register_database", dialect="mysql")),
        ("Run this SQL: SELECT Name FROM customers", Command("run_sql", text="SELECT Name FROM customers")),
        (
            "sync orders and customers from shop every night at 2, only the last 18 months",
            Command(
                "sync",
                database="shop",
                tables="public.orders,public.customers",
                how={"when": "every night at 2", "since": "18 months"},
            ),
        ),
        (
            "sync orders where total > 100 every night",
            Command("sync", tables="public.orders", how={"where": "total > 100", "when": "every night"}),
        ),
        (
            "sync orders of 2025",
            Command("sync", tables="public.orders", how={"since": "2025-01-01", "until": "2026-01-01"}),
        ),
        (
            "sync the orders from the last two years nightly, at most 10k rows",
            Command("sync", tables="public.orders", how={"since": "2 years", "when": "nightly", "limit": 10_000}),
        ),
        (
            "sync orders between january 2025 and march 2025 in full",
            Command("sync", tables="public.orders", how={"since": "2025-01-01", "until": "2025-04-01", "mode": "full"}),
        ),
        ("sync stock_moves as a dry run", Command("sync", tables="public.stock_moves", how={"dry_run": True})),
        ("sync orders every 45 minutes", Command("sync", tables="public.orders", how={"when": "every 45 minutes"})),
        ("sync stuff", Command("sync", tables="stuff")),
        (
            "leave country and name of customers out of the sync",
            Command("plan_ignore", database="shop", table="public.customers", columns=("country", "name")),
        ),
        (
            "call customers.country land in the documents",
            Command("plan_rename", table="public.customers", columns=("country",), name="land"),
        ),
        ("pause the nightly sync", Command("pause_schedule", schedule="nightly")),
        ("pause the sync of shop", Command("pause_schedule", schedule="shop")),
        ("delete schedule #3", Command("delete_schedule", schedule="#3")),
        (
            "move the nightly sync of shop to weekdays at 7:30",
            Command("change_schedule", schedule="nightly sync of shop", how={"when": "weekdays at 7:30"}),
        ),
        ("retry all failed syncs of this week", Command("retry_all", period="this week")),
        ("in shop: sync everything", Command("sync", database="shop")),
        ("/sync shop every night", Command("sync", database="shop", how={"when": "every night"})),
        ("/pause nightly", Command("pause_schedule", schedule="nightly")),
        ("/search late delivery", Command("search_documents", text="late delivery")),
        (
            "find the customer who complained about late delivery",
            Command("search_documents", entity="customer", text="late delivery"),
        ),
        ("Note that Revenue excludes VAT", Command("add_note", text="Revenue excludes VAT")),
        ("That's wrong, VIPs have 10 orders", Command("correction", text="VIPs have 10 orders")),
        ("/train warehouse", Command("train", database="warehouse")),
        ("/train orders", Command("train", tables="public.orders")),
        ("/tables shop", Command("list_tables", database="shop")),
        ("/describe orders", Command("describe_table", database="shop", table="public.orders")),
        ("/sql SELECT 1", Command("run_sql", text="SELECT 1")),
        ("/cancel 812", Command("cancel_job", number=812)),
        ("/history revenue", Command("history", text="revenue")),
        ("/jobs", Command("list_jobs")),
        ("/nonsense", None),
    ],
)
def test_a_command_knows_what_it_is_about(sentence: str, expected: Command | None) -> None:
    assert read_command(sentence, KNOWN) == expected


@pytest.mark.parametrize(
    "question",
    [
        "show orders",
        "list customers",
        "list all customers from France",
        "how many orders did we ship last month?",
        "how many jobs do employees have",
        "top 5 products by revenue",
        "Select all names from customers",
        "what are the names of the customers",
        "and by country?",
        "only 2024",
        "show the total of each order",
        "what is the weather tomorrow",
        "why do customers return orders",
        "which customers have no orders?",
        "show details of all customers",
        "what is the average total?",
        "what is the status of order 812",
        "orders cancelled last week",
        "which orders were cancelled?",
        "how many orders were placed every month",
        "orders per day",
        "show orders every day",
        "find customers from France",
        "find the customer with the most orders",
        "who is the customer with the most orders",
        "search for orders over 100",
        "show the last 10 orders",
        "which orders are scheduled for tomorrow",
        "when is the next order",
        "how many customers complained last month",
        "which customers said nothing",
        "what is the total of orders where country = 'France'",
        "orders since 2025-01-01",
        "which customers ordered nothing in the last 18 months",
        "first order of the month",
        "total of orders on mondays",
        "how many orders failed last week",
        "show me failed orders",
        "which orders were retried",
        "orders by customers at midnight",
    ],
)
def test_a_question_is_left_to_the_parser(question: str) -> None:
    assert read_command(question, KNOWN) is None


@pytest.mark.parametrize(
    "sentence",
    ["show jobs", "list tables", "list notes", "show databases", "list verified examples", "show schedules"],
)
def test_the_words_of_the_schema_win(sentence: str) -> None:
    noun = sentence.rsplit(maxsplit=1)[-1]
    restaurant = Known(databases=("place",), tables={"place": ((f"public.{noun}", noun),)}, columns={noun: ("id",)})
    assert read_command(sentence, KNOWN) is not None
    assert read_command(sentence, restaurant) is None
    assert read_command("/jobs", restaurant) == Command("list_jobs")


def test_a_table_name_is_never_taken_for_a_slip() -> None:
    cables = Known(databases=("grid",), tables={"grid": (("public.cables", "cables"),)}, columns={"cables": ("id",)})
    assert slip("tables", "cables") == 1
    assert read_command("show cables", cables) is None


def test_every_pattern_of_the_vocabulary_compiles_and_every_intent_is_tried_here() -> None:
    assert {entry.intent for entry in vocabulary().entries} == set(INTENTS)


@pytest.mark.parametrize("pattern", ["(a|b", "[a", "a)", "@nobody knows"])
def test_a_wrong_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|class"):
        compile_pattern(pattern, {})
