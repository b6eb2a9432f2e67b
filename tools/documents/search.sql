-- Rank the documents of some tables for one search: by their words and by meaning, fused by reciprocal rank.
-- Two lists are ranked, each by itself: what is sought, and what may lead to it (wanted and not).
WITH scope AS MATERIALIZED (
    SELECT * FROM unnest(:databases, :tables, :wanted) AS s (database_id, table_name, wanted)
), asked AS MATERIALIZED (
    SELECT a.word, a.term, a.weight, a.own, to_tsquery('english', a.word) AS anywhere,
        to_tsquery('english', a.word || '\:A') AS in_title
    FROM unnest(:words, :terms, :weights, :own) AS a (word, term, weight, own)
    WHERE numnode(to_tsquery('english', a.word)) > 0
), stems AS (
    SELECT a.term, (tsvector_to_array(to_tsvector('english', a.word)))[1] AS stem FROM asked a
), patterns AS MATERIALIZED (
    -- What a text must hold to say a term, a regular expression; empty where that is not sure. A stem is the beginning of
    -- its word but for a last letter that took another's place (`deliveri`) or two (`die`), and in a word of letters none
    -- stands before it. Of other words the longest run of plain letters is taken: how a server lowers others may differ.
    SELECT term, CASE WHEN bool_and(part <> '') THEN string_agg(part, '|') ELSE '' END AS pattern
    FROM (
        SELECT term, CASE
            WHEN stem ~ '^[a-z]+$' THEN '(^|[^a-z])'
                || left(stem, greatest(1, length(stem) - CASE WHEN stem LIKE '%ie' THEN 2 ELSE 1 END))
            WHEN stem ~ '^[a-z0-9]+$' THEN stem
            ELSE coalesce((
                SELECT run FROM regexp_split_to_table(left(stem, -2), '[^a-z0-9]+') AS run
                WHERE length(run) > 1 ORDER BY length(run) DESC LIMIT 1
            ), '') END AS part
        FROM stems
    ) AS parts
    GROUP BY term
), any_of_them AS (
    SELECT CASE WHEN bool_and(pattern <> '') THEN string_agg(pattern, '|') ELSE '' END AS pattern,
        bit_or(CAST(1 AS bigint) << term) AS terms
    FROM patterns
), probes AS MATERIALIZED (
    SELECT to_tsquery('english', p.probe) AS query, p.needed & o.terms AS terms
    FROM unnest(:probes, :needed) WITH ORDINALITY AS p (probe, needed, place) CROSS JOIN any_of_them o ORDER BY place
), unmade AS MATERIALIZED (
    -- what is not in the index of words yet, with the terms it may say
    SELECT d.id, s.wanted, (SELECT bit_or(CAST(1 AS bigint) << t.term) FROM patterns t WHERE d.said ~ t.pattern) AS may
    FROM ({places}) p JOIN scope s USING (database_id, table_name) CROSS JOIN LATERAL ({unmade}) d
    WHERE d.said ~ (SELECT o.pattern FROM any_of_them o)
), found AS MATERIALIZED (
    {found}
), said AS MATERIALIZED (
    SELECT f.id, f.wanted, {words} AS search FROM found f JOIN tabletalk.documents d USING (id)
), hits AS MATERIALIZED (
    -- a synonym of a term is not a second hit: the best of them counts
    SELECT d.id, a.term, d.wanted,
        max(a.weight * CASE WHEN d.search @@ a.in_title THEN :title_weight ELSE 1.0 END) AS score
    FROM said d JOIN asked a ON d.search @@ a.anywhere
    GROUP BY d.id, a.term, d.wanted
), weighed AS MATERIALIZED (
    -- how rare a word is: as it was counted last, else among what was found now
    SELECT h.term, ln(1 + :documents / greatest(count(*), max(k.documents))) AS weight
    FROM hits h LEFT JOIN (
        SELECT a.term, sum(k.documents)::float8 AS documents
        FROM asked a JOIN tabletalk.document_words k
            ON a.own AND k.word = (tsvector_to_array(to_tsvector('english', a.word)))[1]
                AND k.database_id = ANY (:databases)
        GROUP BY a.term
    ) k USING (term)
    GROUP BY h.term
), whole AS (
    -- a term that nothing says weighs as much as the rarest: what lacks it lacks something
    SELECT sum(coalesce(w.weight, ln(1 + :documents))) AS weight
    FROM (SELECT DISTINCT term FROM asked) a LEFT JOIN weighed w USING (term)
), scored AS (
    SELECT h.id, h.wanted, sum(h.score * w.weight) AS score, sum(least(h.score, 1.0) * w.weight) AS covered,
        row_number() OVER (PARTITION BY h.wanted ORDER BY sum(h.score * w.weight) DESC, h.id DESC) AS place
    FROM hits h JOIN weighed w USING (term)
    GROUP BY h.id, h.wanted
), by_words AS MATERIALIZED (
    SELECT s.id, s.wanted, s.covered / greatest(o.weight, 1e-9) AS covered, row_number() OVER (
        PARTITION BY s.wanted
        ORDER BY s.score * CASE WHEN d.entity = ANY (:kinds) THEN :kind_weight ELSE 1.0 END DESC,
            ts_rank_cd(w.search, q.query, 1) DESC, d.happened_at DESC NULLS LAST, d.id DESC) AS place
    FROM scored s
    JOIN said w USING (id, wanted)
    JOIN tabletalk.documents d USING (id)
    CROSS JOIN whole o
    CROSS JOIN (SELECT to_tsquery('english', :text) AS query) q
    WHERE s.place <= :short_list
), question AS MATERIALIZED (
    -- once, and not a cast for each row
    SELECT CAST(:vector AS halfvec) AS embedding
), near AS MATERIALIZED (
    {near}
), by_vector AS (
    SELECT n.id, n.wanted, n.distance, row_number() OVER (PARTITION BY n.wanted ORDER BY n.distance, n.id) AS place
    FROM near n JOIN tabletalk.documents d ON d.id = n.id AND d.deleted_at IS NULL
    WHERE n.distance < :farthest
), fused AS (
    SELECT id, wanted, sum(weight / (:fusion + place)) AS score, max(covered) AS covered, min(distance) AS distance,
        array_agg(ranker || ' ' || place ORDER BY place) AS places
    FROM (
        SELECT id, wanted, place, covered, NULL::float8 AS distance, 'words' AS ranker, :by_words AS weight FROM by_words
        UNION ALL SELECT id, wanted, place, NULL, distance, 'meaning', :by_vector FROM by_vector
    ) AS ranked
    WHERE place <= :candidates
    GROUP BY id, wanted
)
SELECT f.id, f.wanted, coalesce(f.covered, 0) AS covered, f.places,
    f.score * (:floor + coalesce(f.covered, 0))
        * CASE WHEN d.entity = ANY (:kinds) THEN :kind_weight ELSE 1.0 END AS score
FROM fused f JOIN tabletalk.documents d USING (id)
ORDER BY score DESC, f.id DESC
