CREATE TYPE order_status AS ENUM ('new', 'paid', 'shipped', 'cancelled');
CREATE TABLE customers (
    id int PRIMARY KEY, name text NOT NULL, email text, country text, created_at timestamptz NOT NULL,
    profile jsonb NOT NULL DEFAULT '{}', tags text[] NOT NULL DEFAULT '{}'
);
CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, category text NOT NULL, price numeric(10,2) NOT NULL, attributes jsonb);
CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, status order_status NOT NULL,
    total numeric(10,2) NOT NULL, ordered_at timestamp NOT NULL, shipped_at timestamp, note text
);
CREATE TABLE order_items (
    order_id int NOT NULL REFERENCES orders, product_id int NOT NULL REFERENCES products, quantity int NOT NULL,
    unit_price numeric(10,2) NOT NULL, PRIMARY KEY (order_id, product_id)
);
CREATE TABLE employees (id int PRIMARY KEY, name text NOT NULL, manager_id int REFERENCES employees, salary numeric NOT NULL, department text NOT NULL, hired_on date NOT NULL);
INSERT INTO customers SELECT i, 'Customer ' || i, CASE WHEN i % 7 = 0 THEN NULL ELSE 'c' || i || '@example.org' END,
    (ARRAY['DE','FR','IT','ES'])[1 + i % 4], timestamptz '2024-01-01 00:00+00' + i * interval '9 days',
    jsonb_build_object('level', i % 3, 'address', jsonb_build_object('city', 'City ' || i % 5), 'likes', jsonb_build_array('tea', i)),
    ARRAY['t' || i % 3, 'u' || i % 2] FROM generate_series(1, 40) i;
INSERT INTO products SELECT i, (ARRAY['Red lamp','Blue chair','Green table','Old clock'])[1 + i % 4] || ' ' || i, (ARRAY['light','seat','board'])[1 + i % 3],
    i * 3.50, jsonb_build_object('weight', i, 'colours', jsonb_build_array('red', 'blue')) FROM generate_series(1, 12) i;
INSERT INTO orders SELECT i, 1 + i % 40, (ARRAY['new','paid','shipped','cancelled'])[1 + i % 4]::order_status, (i % 17) * 11.25 + 5,
    timestamp '2025-01-03 10:00' + i * interval '31 hours', CASE WHEN i % 3 = 0 THEN timestamp '2025-01-05 10:00' + i * interval '31 hours' END,
    CASE i % 5 WHEN 0 THEN 'it''s 100% urgent' WHEN 1 THEN 'call back\now' END FROM generate_series(1, 200) i;
INSERT INTO order_items SELECT o, p, 1 + (o + p) % 4, p * 3.50 FROM generate_series(1, 200) o, generate_series(1, 12) p WHERE (o + p) % 5 = 0;
INSERT INTO employees VALUES (1,'Ada',NULL,9000,'board','2015-02-01'),(2,'Ben',1,6000,'sales','2018-05-12'),(3,'Cyd',1,6500,'build','2017-08-30'),
    (4,'Dan',2,4000,'sales','2020-01-15'),(5,'Eve',2,4200,'sales','2021-11-01'),(6,'Fay',3,5000,'build','2019-03-03'),(7,'Gus',6,3900,'build','2023-07-07');
CREATE TABLE canary (id int PRIMARY KEY, note text NOT NULL);
INSERT INTO canary SELECT i, 'untouched ' || i FROM generate_series(1, 5) i;
CREATE SEQUENCE counter;
CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM canary; SELECT 1';
CREATE FUNCTION wipe(int) RETURNS int LANGUAGE sql AS 'DELETE FROM canary; SELECT 1';
CREATE FUNCTION wipe(customers) RETURNS int LANGUAGE sql AS 'DELETE FROM canary; SELECT 1';
CREATE FUNCTION "Count"(int) RETURNS int LANGUAGE sql AS 'DELETE FROM canary; SELECT 1';
ANALYZE;
