-- The completeness proof (docs/architecture.md, "The ledger"). All of it is read in one snapshot.

-- Bytes by what became of them: empty (NUL, or read as an earlier generation), skipped (by an operator), lost, else read.
-- name: files
WITH gap AS (
    SELECT generation,
           coalesce(range_agg(part) FILTER (WHERE kind = 'lost'), '{}') AS lost,
           coalesce(range_agg(part) FILTER (WHERE kind = 'skipped'), '{}') AS skipped,
           coalesce(range_agg(part) FILTER (WHERE kind = 'empty'), '{}') AS empty,
           range_agg(part) AS every
    FROM (SELECT generation, int8range(from_offset, to_offset) AS part,
                 CASE WHEN reason IN ('nul_hole', 'read_before') THEN 'empty'
                      WHEN reason = 'skipped_by_operator' THEN 'skipped' ELSE 'lost' END AS kind
          FROM ingest_gaps WHERE from_offset < to_offset) parts
    GROUP BY generation
), unnumbered AS (
    SELECT generation, count(*) AS letters FROM dead_letters
    WHERE reason IN ('bad_json', 'invalid_utf8', 'too_deep', 'not_an_object', 'too_long', 'not_text') GROUP BY generation
)
SELECT f.generation, f.machine, f.path, f.family, f.compression, f.device, f.inode, f.state, f.parser,
       f.committed_offset, f.size_bytes, f.proof_length, f.proof_hash, f.lines, f.stored, f.folded, f.below_threshold,
       f.blank, f.duplicate, f.dead_letters, f.held, f.rows_stored, f.rows_retired, f.letters_retired, f.created_at, f.updated_at,
       coalesce(u.letters, 0) + f.letters_retired,
       f.committed_offset - (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint
                             FROM unnest(g.every * int8multirange(int8range(0, greatest(f.committed_offset, 0)))) r),
       (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(g.empty) r),
       (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(g.skipped) r),
       (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint
        FROM unnest(g.lost - int8multirange(int8range(0, greatest(f.committed_offset, 0)))) r),
       coalesce(upper(g.every), 0)
FROM ingest_files f LEFT JOIN gap g USING (generation) LEFT JOIN unnumbered u USING (generation)
ORDER BY f.family, f.generation

-- name: gaps
SELECT generation, path, from_offset, to_offset, reason
FROM ingest_gaps WHERE generation = ANY(%(generations)s) ORDER BY generation, from_offset, reason

-- Runs of which something is missing, seen twice, or not known. A run that the selection holds a part of is taken whole.
-- Numbers count from 1, or from 0 where a writer does. One row a hole or repeated range; for an irregular run, one.
-- name: runs
WITH run AS MATERIALIZED (
    SELECT run_id, sum(lines) AS lines, range_agg(seqs) AS seqs, bool_or(irregular) AS irregular,
           sum((SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(seqs) r)) AS in_files,
           array_agg(generation ORDER BY lower(seqs), generation) AS generations
    FROM ingest_runs GROUP BY run_id HAVING bool_or(generation = ANY(%(generations)s))
), odd AS (
    SELECT run.*, int8multirange(int8range(least(lower(seqs), 1), upper(seqs))) - seqs AS missing,
           lines - (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(seqs) r) AS extra
    FROM run WHERE NOT irregular
), again AS (
    SELECT run_id, range_agg(part) AS repeated FROM (
        SELECT i.run_id, i.repeated AS part FROM ingest_runs i JOIN odd USING (run_id) WHERE odd.extra > 0
        UNION ALL
        SELECT a.run_id, a.seqs * b.seqs FROM odd
        JOIN ingest_runs a USING (run_id) JOIN ingest_runs b ON b.run_id = a.run_id AND b.generation > a.generation
        WHERE odd.extra > 0 AND odd.in_files > odd.lines - odd.extra
    ) parts GROUP BY run_id
)
SELECT 'irregular' AS kind, run_id, lines::bigint, generations, NULL::bigint AS first_seq, NULL::bigint AS last_seq,
       NULL::bigint AS count
FROM run WHERE irregular
UNION ALL
SELECT 'hole', run_id, lines::bigint, generations, lower(r), upper(r) - 1, upper(r) - lower(r)
FROM odd, unnest(missing) r
UNION ALL
SELECT 'repeat', run_id, lines::bigint, generations, lower(r), upper(r) - 1, upper(r) - lower(r)
FROM odd JOIN again USING (run_id), unnest(again.repeated) r
UNION ALL
SELECT 'extra', run_id, lines::bigint, generations, NULL, NULL, extra::bigint FROM odd WHERE extra > 0
ORDER BY run_id, kind, first_seq

-- name: run_count
SELECT count(DISTINCT run_id), coalesce(sum(lines), 0)::bigint FROM ingest_runs
WHERE generation = ANY(%(generations)s) AND run_id <> ''

-- In which files a number stands. run_ids, seqs: pairs.
-- name: holders
SELECT DISTINCT q.run_id, q.seq, i.generation
FROM unnest(%(run_ids)s::text[], %(seqs)s::bigint[]) AS q (run_id, seq)
JOIN ingest_runs i ON i.run_id = q.run_id AND i.seqs @> q.seq
ORDER BY q.run_id, q.seq, i.generation

-- ---------------------------------------------------------------------------------------------------- --recount
-- name: memory_for_sorting
SET LOCAL work_mem = '256MB'

-- Every row that was made from a line, counted by file. A sequential scan of each table; one hash table over the keys.
-- name: recount
WITH keys AS (
    SELECT generation, line_offset, metric_name AS part, count(*) AS n FROM system_metrics
    WHERE generation IS NOT NULL GROUP BY 1, 2, 3
    UNION ALL
    SELECT generation, line_offset, 'error_log ' || coalesce(template, ''), count(*) FROM error_log
    WHERE generation IS NOT NULL GROUP BY 1, 2, 3
    UNION ALL
    -- a payload of AzuraCast names several plays
    SELECT generation, line_offset, CASE WHEN play_key LIKE 'sh:%%' THEN play_key ELSE 'play_history' END, count(*)
    FROM play_history WHERE generation IS NOT NULL GROUP BY 1, 2, 3
    UNION ALL
    SELECT generation, line_offset, 'play_ends', count(*) FROM play_ends WHERE generation IS NOT NULL GROUP BY 1, 2
    UNION ALL
    SELECT generation, line_offset, 'error_resolutions', count(*) FROM error_resolutions
    WHERE generation IS NOT NULL GROUP BY 1, 2
), by_line AS (
    SELECT generation, line_offset, sum(n) AS rows, max(n) AS most FROM keys GROUP BY 1, 2
), counted AS (
    SELECT generation, sum(rows)::bigint AS rows, count(*) AS lines, min(line_offset) AS first_offset,
           max(line_offset) AS last_offset, min(line_offset) FILTER (WHERE most > 1) AS doubled_at,
           count(*) FILTER (WHERE most > 1) AS doubled
    FROM by_line GROUP BY 1
), letters AS (
    SELECT generation, count(*) FILTER (WHERE replayed_at IS NULL) AS letters, min(from_offset) AS first_letter,
           max(to_offset) AS last_letter
    FROM dead_letters GROUP BY 1
), sessions AS (
    SELECT generation, min(line_offset) AS first_session, max(line_offset) AS last_session FROM stream_sessions
    WHERE generation IS NOT NULL GROUP BY 1
), rungs AS (
    SELECT generation, max(at_offset) AS last_rung FROM ingest_ladder GROUP BY 1
), both_dead_and_stored AS (
    SELECT d.generation, min(d.from_offset) AS dead_and_stored
    FROM dead_letters d JOIN by_line b ON b.generation = d.generation AND b.line_offset = d.from_offset
    WHERE d.replayed_at IS NULL GROUP BY 1
)
SELECT generation, coalesce(c.rows, 0), coalesce(c.lines, 0), least(c.first_offset, first_session, first_letter),
       greatest(c.last_offset, last_session), last_letter, last_rung, c.doubled_at, coalesce(c.doubled, 0),
       coalesce(letters, 0), dead_and_stored
FROM counted c FULL JOIN letters USING (generation) FULL JOIN sessions USING (generation) FULL JOIN rungs USING (generation)
LEFT JOIN both_dead_and_stored USING (generation)
ORDER BY generation

-- name: rungs
SELECT at_offset, window_hash FROM ingest_ladder WHERE generation = %(generation)s ORDER BY at_offset
