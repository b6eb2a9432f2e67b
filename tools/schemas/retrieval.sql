-- Rank the tables of a workspace for one question: four rankers, fused by reciprocal rank, in one round trip.
-- One row at least per database: id is null where none of its tables was found.
WITH scope AS MATERIALIZED (
    SELECT t.id, t.database_id, t.search, split_part(t.search_text, chr(10), 1) AS name
    FROM tabletalk.tables t
    WHERE t.workspace_id = :workspace AND (:databases IS NULL OR t.database_id = ANY (:databases))
), asked AS MATERIALIZED (
    SELECT a.term, a.weight, to_tsquery('english', a.word) AS anywhere,
        to_tsquery('english', a.word || '\:A') AS in_name, to_tsquery('english', a.word || '\:B') AS in_columns
    FROM unnest(:words, :terms, :weights) AS a (word, term, weight)
), hits AS MATERIALIZED (
    -- a synonym of a term is not a second hit: the best of them counts
    SELECT s.id, a.term, max(a.weight * CASE
        WHEN s.search @@ a.in_name THEN :name_weight / sqrt(greatest(1, length(ts_filter(s.search, '{a}'))))
        WHEN s.search @@ a.in_columns THEN :column_weight
        ELSE 1.0 END) AS score
    FROM scope s JOIN asked a ON s.search @@ a.anywhere
    GROUP BY s.id, a.term
), by_name AS (
    -- of two that are hit alike the shorter name is the more fully meant; ids are random and may not decide
    SELECT h.id, row_number() OVER (
        ORDER BY sum(h.score * ln(1 + t.tables / f.tables)) DESC, length(min(s.name)), min(s.name), h.id) AS place
    FROM hits h
    JOIN scope s USING (id)
    JOIN (SELECT term, count(*)::float8 AS tables FROM hits GROUP BY term) f USING (term)
    CROSS JOIN (SELECT count(*)::float8 AS tables FROM scope) t
    GROUP BY h.id
), by_text AS (
    SELECT s.id, row_number() OVER (
        ORDER BY ts_rank('{0.2, 0.4, 0.6, 1.0}', s.search, q.query, 1) DESC, length(s.name), s.name, s.id) AS place
    FROM scope s CROSS JOIN (SELECT websearch_to_tsquery('english', :text) AS query) q
    WHERE s.search @@ q.query
), near AS MATERIALIZED (
    SELECT e.table_id AS id, e.embedding <=> :vector AS distance
    FROM tabletalk.table_embeddings e
    WHERE e.workspace_id = :workspace AND e.model = :model AND e.dimension = :dimension
        AND (:databases IS NULL OR e.database_id = ANY (:databases))
), by_vector AS (
    SELECT id, row_number() OVER (ORDER BY distance, id) AS place FROM near WHERE distance < :farthest
), misspelt AS MATERIALIZED (
    -- only a word that nothing here contains is worth comparing letter by letter
    SELECT m.word
    FROM unnest(:letters) AS m (word)
    WHERE NOT EXISTS (SELECT FROM scope s WHERE s.search @@ plainto_tsquery('english', m.word))
), by_letters AS (
    SELECT s.id, row_number() OVER (ORDER BY max({similarity}) DESC, length(min(s.name)), s.id) AS place
    FROM scope s CROSS JOIN misspelt m
    WHERE {similarity} > :alike
    GROUP BY s.id
), fused AS (
    SELECT id, sum(weight / (:fusion + place)) AS score, array_agg(ranker || ' ' || place ORDER BY place) AS places
    FROM (
        SELECT id, place, 'names' AS ranker, :by_name AS weight FROM by_name
        UNION ALL SELECT id, place, 'text', :by_text FROM by_text
        UNION ALL SELECT id, place, 'meaning', :by_vector FROM by_vector
        UNION ALL SELECT id, place, 'spelling', :by_letters FROM by_letters
    ) AS ranked
    WHERE place <= :candidates
    GROUP BY id
)
SELECT d.id AS database_id, d.name, d.catalog_version, f.id, f.score, f.places
FROM tabletalk.databases d
LEFT JOIN (fused f JOIN scope s USING (id)) ON s.database_id = d.id
WHERE d.workspace_id = :workspace AND (:databases IS NULL OR d.id = ANY (:databases))
ORDER BY f.score DESC NULLS LAST, f.id
