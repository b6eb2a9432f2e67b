"""Constructs of questions against a small made-up kennel: counts, orders, bounds, negations, paths."""

from datetime import date
from uuid import uuid4

import pytest

from assistant.offline.parser import read
from tools.connectors.base import Column, ForeignKey, TableSchema, TypeFamily
from tools.schemas.catalog import TrainedTable

TODAY = date(2026, 11, 21)


def table(
    name: str,
    columns: dict[str, TypeFamily],
    keys: dict[str, str] | None = None,
    values: dict[str, tuple[str, ...]] | None = None,
) -> TrainedTable:
    """A trained table whose first column is its key; `keys` are column -> table.column it refers to."""
    shape = TableSchema(
        schema_name="public",
        name=name,
        columns=tuple(Column(name=column, type=family, family=family) for column, family in columns.items()),
        primary_key=(next(iter(columns)),),
        foreign_keys=tuple(
            ForeignKey(
                name=f"fk_{column}",
                columns=(column,),
                target_schema="public",
                target_table=target.split(".")[0],
                target_columns=(target.split(".")[1],),
            )
            for column, target in (keys or {}).items()
        ),
    )
    return TrainedTable(id=uuid4(), database_id=uuid4(), shape=shape, values=values or {})


KENNEL = (
    table(
        "breeds",
        {"breed_id": "number", "breed_name": "text", "size_class": "text", "life_span": "number", "pups": "number"},
    ),
    table(
        "dogs",
        {
            "dog_id": "number",
            "dog_name": "text",
            "breed_id": "number",
            "owner_id": "number",
            "sire_id": "number",
            "born": "date",
            "age": "number",
            "weight": "number",
            "phone": "text",
            "status": "text",
        },
        {"breed_id": "breeds.breed_id", "owner_id": "owners.owner_id", "sire_id": "dogs.dog_id"},
        {"status": ("sold", "free"), "dog_name": ("Rex", "Bella")},
    ),
    table(
        "owners",
        {"owner_id": "number", "owner_name": "text", "city": "text", "phone": "text"},
        values={"city": ("Aachen", "Bonn"), "owner_name": ("Ann Ray", "Bob Roe")},
    ),
    table(
        "treatments",
        {"treatment_id": "number", "dog_id": "number", "vet_id": "number", "cost": "number", "list_price": "number"},
        {"dog_id": "dogs.dog_id", "vet_id": "vets.vet_id"},
    ),
    table("vets", {"vet_id": "number", "vet_name": "text", "city": "text", "phone": "text"}),
    table(
        "stays",
        {"stay_id": "number", "dog_id": "number", "arrived": "date", "departed": "date", "day_rate": "number"},
        {"dog_id": "dogs.dog_id"},
    ),
    table(
        "fights",
        {"fight_id": "number", "winner_id": "number", "loser_id": "number", "minutes": "number"},
        {"winner_id": "dogs.dog_id", "loser_id": "dogs.dog_id"},
    ),
    table(
        "films",
        {
            "film_id": "number",
            "title": "text",
            "studio": "text",
            "director": "text",
            "price": "number",
            "budget": "number",
            "year": "number",
        },
        values={"director": ("Ann Lee", "Bo Kim"), "studio": ("Alpha", "Beta")},
    ),
)


def sql(question: str) -> str:
    best = read(question, KENNEL, "postgres", TODAY).best
    assert best is not None, question
    return best.sql


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        # what a comparison belongs to
        ("films made before 1990 or after 2010", ["year < 1990 OR year > 2010"]),
        ("How many dogs are 7 years old?", ["COUNT(*)", "age = 7"]),
        ("Show the titles of films with at least a price of 20", ["price >= 20"]),
        ("Which owners have two or more dogs?", ["COUNT(*) >= 2"]),
        ("Which studios made more than one film?", ["studio", "COUNT(*) > 1"]),
        # texts within texts
        ("owners whose name contains the letter t", ["owner_name ILIKE '%t%'"]),
        ("dogs whose name contains the word you", ["dog_name ILIKE '%you%'"]),
        ('Which owners have "ann" in their names?', ["owner_name ILIKE '%ann%'"]),
        # whose column it is
        ("List the phone numbers of all owners", [" phone FROM owners"]),
        ("Show each dog's name and weight", ["SELECT dog_name, weight FROM dogs"]),
        # orders that an adjective implies
        ("names of dogs, heaviest first", ["dog_name", "ORDER BY weight DESC"]),
        ("names of dogs from youngest to oldest", ["dog_name", "ORDER BY age ASC"]),
        # bounds
        ("What are the shortest and the longest life span of the breeds?", ["MIN(life_span)", "MAX(life_span)"]),
        ("For each size class, the shortest and longest life span", ["MIN(life_span)", "MAX", "GROUP BY size_class"]),
        # a verb within a sentence, a second question beside the first
        ("For each studio show the number of films", ["studio", "COUNT(*)", "GROUP BY studio"]),
        (
            "Which studio has the highest average price, and what is the average price?",
            ["SELECT studio, AVG(price)", "ORDER BY AVG(price) DESC"],
        ),
        # averages of groups against the average of all
        (
            "Which studios have an average price higher than the average price of all films?",
            ["GROUP BY studio", "HAVING AVG(price) > (SELECT AVG(price)"],
        ),
        # the most common value as a condition
        ("titles of films by the most common director", ["director = (SELECT director", "GROUP BY director"]),
        # what is counted when nothing says it
        ("Which dog was treated most often?", ["treatments", "ORDER BY COUNT(*) DESC"]),
        # one column against another
        ("ids of the treatments that cost more than their list price", ["cost > list_price"]),
        ("titles of films with a higher price than budget", ["price > budget"]),
        # numbers kept in a column, numbers of rows with a value, names beside counts
        ("What is the average number of pups per breed?", ["AVG(pups)"]),
        ("owners in Bonn with more than 2 sold dogs", ["COUNT(*) > 2", "status = 'sold'"]),
        (
            "For each breed, show its name and the number of dogs",
            ["breed_name", "COUNT(*)", "GROUP BY breeds.breed_id"],
        ),
        # kinds of columns that a word asks for
        ("How heavy are the dogs on average?", ["AVG(weight)"]),
        ("title and price of the films, highest first", ["ORDER BY price DESC"]),
        # a part that rows play for others
        ("Show each dog's name and its sire's name", ["dogs.dog_name, sire.dog_name", "dogs AS sire ON dogs.sire_id"]),
        ("Show the dog and its sire by name", ["dogs.dog_name, sire.dog_name", "dogs AS sire"]),
        ("Who is the sire of Rex?", ["SELECT sire.dog_name", "dog_name = 'Rex'"]),
        ("names of dogs whose sire is Rex", ["SELECT dogs.dog_name", "sire.dog_name = 'Rex'"]),
        ("dogs heavier than their sire", ["dogs.weight > sire.weight"]),
        ("How many dogs does each sire have?", ["COUNT(*)", "GROUP BY sire.dog_id"]),
        ("names of dogs that lost a fight", ["loser_id"]),
        ("names of dogs that never won a fight", ["NOT dog_id IN (SELECT winner_id FROM fights"]),
        # what a named row holds, and a row against a named one
        ("dogs of the same breed as Rex", ["breed_id IN (SELECT breed_id FROM dogs WHERE dog_name = 'Rex')"]),
        ("owners in the same city as Ann Ray", ["city IN (SELECT city FROM owners WHERE owner_name = 'Ann Ray')"]),
        ("names of dogs that are heavier than Rex", ["weight > (SELECT", "FROM dogs WHERE dog_name = 'Rex'"]),
        # stretches of time, averages said last, pairs of values, large numbers
        ("dogs with a stay longer than 2 weeks", ["EXTRACT(EPOCH", "> 14"]),
        ("breeds where fights last over 20 minutes on average", ["HAVING AVG(", "minutes) > 20"]),
        ("films by Ann Lee of Alpha or by Bo Kim of Beta", ["'Ann Lee' AND studio = 'Alpha') OR (", "'Bo Kim'"]),
        ("films with a budget above 2 million", ["budget > 2000000"]),
        # one column of two tables
        ("cities where both an owner and a vet live", ["SELECT DISTINCT city FROM", "city IN (SELECT city FROM"]),
        ("phone numbers of all owners and vets", ["phone FROM owners UNION SELECT phone FROM vets"]),
        ("cities with an owner but no vet", ["FROM owners", "NOT city IN (SELECT city FROM vets"]),
        # one figure of all rows, one for each value, bounds beside an average
        ("What is the highest price across all studios?", ["SELECT MAX(price) AS max_price FROM films"]),
        ("What is the average and oldest age of the dogs?", ["SELECT AVG(age)", "MAX(age)"]),
        ("the average price of films with different studio", ["studio, AVG(price)", "GROUP BY studio"]),
        ("How many dogs are older than average for each status?", ["age > (SELECT AVG(age)", "GROUP BY status"]),
        # ranges of a column, numbers of things, an order by what is not shown
        ("names of dogs with age 2 to 5", ["age >= 2 AND age <= 5"]),
        ("names of dogs of breed 7 or 9", ["breed_id = 7 OR", "breed_id = 9"]),
        ("What are the different titles of films ordered by year?", ["SELECT title FROM films ORDER BY year"]),
        # no row of a thing
        ("Which studios have never made a film with director Ann Lee?", ["NOT studio IN (SELECT studio", "Ann Lee"]),
    ],
)
def test_a_construct_is_read_as_meant(question: str, parts: list[str]) -> None:
    made = sql(question)

    assert all(part in made for part in parts), made


def test_a_path_over_a_bridge_is_taken_before_one_over_a_shared_parent() -> None:
    shop = (
        table("departments", {"department_id": "number", "department_name": "text"}),
        table(
            "students",
            {"student_id": "number", "student_name": "text", "department_id": "number"},
            {"department_id": "departments.department_id"},
        ),
        table(
            "courses",
            {"course_id": "number", "course_name": "text", "department_id": "number"},
            {"department_id": "departments.department_id"},
        ),
        table(
            "enrolments",
            {"enrolment_id": "number", "student_id": "number", "course_id": "number"},
            {"student_id": "students.student_id", "course_id": "courses.course_id"},
        ),
    )
    best = read("names of students with the names of their courses", shop, "postgres", TODAY).best

    assert best is not None and "enrolments" in best.sql and "departments" not in best.sql


def test_without_declared_keys_an_id_called_after_its_table_is_its_own() -> None:
    shapes = (
        table("dorm", {"dormid": "number", "dorm_name": "text", "capacity": "number"}),
        table("dorm_amenity", {"amenid": "number", "amenity_name": "text"}),
        table("has_amenity", {"dormid": "number", "amenid": "number"}, values={}),
    )
    bare = tuple(one.model_copy(update={"shape": one.shape.model_copy(update={"primary_key": ()})}) for one in shapes)
    best = read("List all different amenities", bare, "postgres", TODAY).best

    assert best is not None and "FROM dorm_amenity" in best.sql


def test_the_column_called_as_the_key_names_the_rows() -> None:
    college = (table("university", {"school_id": "number", "school": "text", "nickname": "text", "founded": "number"}),)
    best = read("Show all universities that were founded after 1900", college, "postgres", TODAY).best

    assert best is not None and best.sql == "SELECT school FROM university WHERE founded > 1900"


def test_a_noun_that_only_an_id_bears_means_the_rows() -> None:
    bank = (
        table("accounts", {"customer_id": "number", "name": "text", "balance": "number"}),
        table("savings", {"customer_id": "number", "amount": "number"}, {"customer_id": "accounts.customer_id"}),
    )
    best = read("What are the names of all customers?", bank, "postgres", TODAY).best

    assert best is not None and best.sql == "SELECT name FROM accounts"


LINES = (
    table(
        "stations",
        {"code": "text", "station_name": "text", "town": "text"},
        values={"code": ("LDS", "GLC"), "town": ("Leeds", "Glasgow")},
    ),
    table("carriers", {"carrier_id": "number", "carrier": "text"}, values={"carrier_id": ("1", "2", "3")}),
    table(
        "trains",
        {"train_no": "number", "source_station": "text", "dest_station": "text", "carrier": "number", "year": "text"},
        {"source_station": "stations.code", "dest_station": "stations.code"},
        {
            "source_station": ("LDS", "GLC"),
            "dest_station": ("LDS", "GLC"),
            "year": ("2014", "2015"),
            "carrier": ("1", "2"),
        },
    ),
    table(
        "repairs",
        {"repair_id": "number", "mechanic_id": "number", "cost": "number", "paid_date": "date", "remark": "text"},
        {"mechanic_id": "mechanics.mechanic_id"},
    ),
    table("mechanics", {"mechanic_id": "number", "name": "text", "age": "number", "town": "text"}),
)


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        # either end of a way
        ("How many trains arrive in Glasgow?", ["dest_station", "town = 'Glasgow'"]),
        ("trains that leave from LDS", ["source_station = 'LDS'"]),
        (
            "How many trains leave from Leeds and arrive in Glasgow?",
            ["source_station.town = 'Leeds'", "destination_station.town = 'Glasgow'"],
        ),
        # a number called like a table refers to it, with no key declared
        ("Which carriers have at least 2 trains?", ["trains.carrier = carriers.carrier_id", "COUNT(*) >= 2"]),
        # years kept as text, those with none, who did it
        ("How many trains ran in 2014 or 2015?", ["year = '2014' OR", "year = '2015'"]),
        ("How many trains ran in 2015 or later?", ["year >= '2015'"]),
        (
            "How many repairs did each mechanic do, including those with none?",
            ["LEFT JOIN repairs", "COUNT(repairs.repair_id)"],
        ),
        ("Who did the most repairs?", ["mechanics.name", "ORDER BY COUNT(*) DESC"]),
        # bounds that no row keeps at once, what is written in a column, what is not done
        (
            "towns with a mechanic older than 60 and one younger than 30",
            ["town IN (SELECT town", "age > 60", "age < 30"],
        ),
        ("repairs that have 'oil' in their remark", ["remark ILIKE '%oil%'"]),
        ("Which repairs are unpaid?", ["paid_date IS NULL"]),
        ("repairs costing between 50 and 70", ["cost >= 50", "cost <= 70"]),
        # orders by what stands before `first`
        ("names of mechanics, the highest age first", ["ORDER BY age DESC NULLS LAST"]),
    ],
)
def test_trains_and_repairs_are_read_as_meant(question: str, parts: list[str]) -> None:
    best = read(question, LINES, "postgres", TODAY).best
    made = best.sql if best else ""
    assert all(part in made for part in parts), made


@pytest.mark.parametrize("question", ["Which repairs were praised the most?", "Which trains were delayed the most?"])
def test_a_deed_that_nothing_tells_of_is_not_answered_surely(question: str) -> None:
    best = read(question, LINES, "postgres", TODAY).best
    assert best is None or best.confidence < 0.5
