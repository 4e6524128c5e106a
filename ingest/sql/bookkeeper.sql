-- What follows from committed facts, recomputed for a station and a span of time. Running any of it twice, or in
-- another order, ends in the same rows. Parameters: station, from_time, to_time, max_open_seconds, gap_seconds, and plays:
-- an array literal. It must be of bigint: an int array is scanned for each row, a bigint array is hashed once.

-- name: take_turn
SELECT pg_try_advisory_xact_lock(7240151803603)

-- A table that was empty a moment ago is planned as if it still were: the small indexes are always the better way here.
-- What is looked up was stored just now, and is in memory: as if each page came from a disk, a long history was gone
-- through whole for a few thousand plays.
-- name: plan_for_indexes
SET LOCAL enable_seqscan = off; SET LOCAL random_page_cost = 1.1

-- As the planner believes.
-- name: known_plays
SELECT reltuples FROM pg_class WHERE oid = 'play_history'::regclass

-- What the joins below go by; of the other columns autovacuum takes care.
-- name: analyze
ANALYZE play_history (station, started_at, play_id), play_ends, error_log (station, timestamp, play_id, play_history_id),
    stream_sessions

-- Fifty thousand plays at once are sorted in memory.
-- name: memory
SET LOCAL work_mem = '32MB'

-- name: take_entries
DELETE FROM derive_queue WHERE id IN (SELECT id FROM derive_queue ORDER BY id LIMIT %(limit)s)
RETURNING station, from_time, to_time

-- The plays whose end may have changed: those that started in the span, the one before it (its next start may be new),
-- and those that an end in the span names.
-- name: touched_plays
WITH edge AS (
    SELECT coalesce((SELECT max(started_at) FROM play_history
                     WHERE station = %(station)s AND started_at < %(from_time)s), %(from_time)s) AS lower_time
)
SELECT p.id FROM play_history p, edge
WHERE p.station = %(station)s AND p.started_at >= edge.lower_time AND p.started_at <= %(to_time)s
UNION
SELECT p.id FROM play_ends e JOIN play_history p ON p.station = e.station AND p.play_id = e.play_id
WHERE e.station = %(station)s AND e.play_id IS NOT NULL AND e.ended_at BETWEEN %(from_time)s AND %(to_time)s
UNION
SELECT p.id FROM play_ends e JOIN play_history p ON p.station = e.station AND p.id = e.play_id::bigint
WHERE e.station = %(station)s AND e.play_id ~ '^[0-9]{1,18}$' AND e.ended_at BETWEEN %(from_time)s AND %(to_time)s

-- Plays are locked in the order in which ingest says them again (store.sql, upsert_plays): two orders would deadlock.
-- name: lock_plays
SELECT id FROM play_history WHERE id = ANY(%(plays)s::bigint[]) ORDER BY station, play_key FOR NO KEY UPDATE

-- Ends, in this order: what a writer said of this play; an end without a name, said while it was the running one; the
-- exit of the encoder that carried it, unless the next start follows at once; the next start; the play's own length
-- where the next start comes much later; max_open where even that is unknown. Without any of these it is still open.
-- name: derive_ends
-- OFFSET 0: else min and max are looked for along the index of all starts, from the oldest on.
WITH span AS (
    SELECT min(started_at) AS lower_time, max(started_at) AS upper_time
    FROM (SELECT started_at FROM play_history WHERE id = ANY(%(plays)s::bigint[]) OFFSET 0) p
), ordered AS (
    SELECT p.*, lead(p.started_at) OVER (ORDER BY p.started_at, p.play_key) AS next_start
    FROM play_history p, span
    WHERE p.station = %(station)s AND p.started_at >= span.lower_time
      AND p.started_at <= coalesce((SELECT min(n.started_at) FROM play_history n
                                    WHERE n.station = %(station)s AND n.started_at > span.upper_time), 'infinity')
), touched AS MATERIALIZED (
    SELECT * FROM ordered WHERE id = ANY(%(plays)s::bigint[])
), said AS (
    SELECT t.id, greatest(e.ended_at, t.started_at) AS ended_at, e.had_errors, e.error_message
    FROM touched t JOIN play_ends e ON e.station = t.station AND e.play_id = t.play_id
    -- An id that is no UUID may be a counter that began again: its last start before the end is meant.
    WHERE t.play_key NOT LIKE '%%@%%'
       OR (e.ended_at >= t.started_at
           AND NOT EXISTS (SELECT FROM play_history q
                           WHERE q.station = e.station AND q.play_id = e.play_id
                             AND q.started_at > t.started_at AND q.started_at <= e.ended_at))
    UNION ALL
    SELECT t.id, greatest(e.ended_at, t.started_at), e.had_errors, e.error_message
    FROM touched t JOIN play_ends e ON e.station = t.station AND e.play_id = t.id::text
    WHERE NOT EXISTS (SELECT FROM play_history q WHERE q.station = e.station AND q.play_id = e.play_id)
), named AS (
    SELECT DISTINCT ON (id) * FROM said ORDER BY id, ended_at, had_errors DESC, error_message
), found AS (
    SELECT t.id, t.started_at, t.next_start, t.expected_duration_seconds AS expected,
           named.ended_at AS named_end, named.had_errors AS named_errors, named.error_message AS named_message,
           unnamed.ended_at AS unnamed_end, unnamed.had_errors AS unnamed_errors,
           unnamed.error_message AS unnamed_message, exit.ended_at AS exit_end, exit.failed AS exit_failed
    FROM touched t
    LEFT JOIN named USING (id)
    LEFT JOIN LATERAL (
        SELECT e.ended_at, e.had_errors, e.error_message FROM play_ends e
        WHERE e.station = t.station AND e.play_id IS NULL AND e.ended_at > t.started_at
          AND e.ended_at <= coalesce(t.next_start, 'infinity')
        ORDER BY e.ended_at, e.had_errors DESC, e.error_message LIMIT 1
    ) unnamed ON true
    LEFT JOIN LATERAL (
        SELECT s.ended_at, s.end_kind IN ('failed', 'killed') AS failed FROM stream_sessions s
        WHERE s.station = t.station AND s.ended_at >= t.started_at AND s.ended_at < coalesce(t.next_start, 'infinity')
          AND s.time_quality IN ('exact', 'zoneless', 'arrival') AND s.progress_count > 0
          AND (t.ffmpeg_pid IS NULL OR s.pid IS NULL OR s.pid = t.ffmpeg_pid)
          AND (t.next_start IS NULL OR t.next_start > s.ended_at + make_interval(secs => %(gap_seconds)s))
          AND NOT EXISTS (SELECT FROM stream_sessions o
                          WHERE o.station = s.station AND o.id <> s.id AND o.progress_count > 0
                            AND o.started_at <= s.ended_at + make_interval(secs => %(gap_seconds)s)
                            AND coalesce(o.ended_at, 'infinity') > s.ended_at)
        ORDER BY s.ended_at LIMIT 1
    ) exit ON true
), decided AS (
    SELECT id, started_at,
        CASE WHEN named_end IS NOT NULL THEN named_end
             WHEN unnamed_end IS NOT NULL THEN unnamed_end
             WHEN exit_end IS NOT NULL THEN exit_end
             WHEN next_start IS NULL THEN NULL
             WHEN expected IS NOT NULL AND next_start > started_at + make_interval(secs => expected + %(gap_seconds)s)
                 THEN started_at + make_interval(secs => expected)
             WHEN expected IS NULL AND next_start > started_at + make_interval(secs => %(max_open_seconds)s)
                 THEN started_at + make_interval(secs => %(max_open_seconds)s)
             ELSE next_start END AS ended_at,
        CASE WHEN named_end IS NOT NULL OR unnamed_end IS NOT NULL THEN 'event'
             WHEN exit_end IS NOT NULL THEN CASE WHEN exit_failed THEN 'crash' ELSE 'encoder_exit' END
             WHEN next_start IS NULL THEN NULL
             WHEN expected IS NOT NULL AND next_start > started_at + make_interval(secs => expected + %(gap_seconds)s)
                 THEN 'duration'
             WHEN expected IS NULL AND next_start > started_at + make_interval(secs => %(max_open_seconds)s)
                 THEN 'max_open'
             ELSE 'next_track' END AS ended_by,
        CASE WHEN named_end IS NOT NULL THEN named_errors WHEN unnamed_end IS NOT NULL THEN unnamed_errors
             ELSE false END AS said_errors,
        CASE WHEN named_end IS NOT NULL THEN named_message WHEN unnamed_end IS NOT NULL THEN unnamed_message
             END AS said_message
    FROM found
)
UPDATE play_history p SET
    ended_at = d.ended_at, ended_by = d.ended_by,
    duration_seconds = extract(epoch FROM d.ended_at - d.started_at),
    said_errors = d.said_errors, said_message = d.said_message
FROM decided d
WHERE p.id = d.id
  AND (p.ended_at, p.ended_by, p.duration_seconds, p.said_errors, p.said_message)
      IS DISTINCT FROM (d.ended_at, d.ended_by, extract(epoch FROM d.ended_at - d.started_at)::double precision,
                        d.said_errors, d.said_message)

-- Errors whose play may have changed: those in the time that the touched plays cover, up to the start behind them,
-- and those that name one of them. Gives the plays that lost or won an error.
-- name: link_errors
WITH covered AS MATERIALIZED (
    SELECT min(started_at) AS lower_time, max(started_at) AS upper_time
    FROM (SELECT started_at FROM play_history WHERE id = ANY(%(plays)s::bigint[]) OFFSET 0) p
), span AS MATERIALIZED (
    SELECT least(%(from_time)s, lower_time) AS lower_time,
           coalesce((SELECT min(started_at) FROM play_history
                     WHERE station = %(station)s AND started_at > greatest(%(to_time)s, upper_time)), 'infinity') AS upper_time
    FROM covered
), affected AS (
    SELECT e.id FROM error_log e, span
    WHERE e.station = %(station)s AND e.timestamp >= span.lower_time AND e.timestamp <= span.upper_time
    UNION
    SELECT e.id FROM play_history p JOIN error_log e ON e.station = p.station AND e.play_id = p.play_id
    WHERE p.id = ANY(%(plays)s::bigint[]) AND e.play_id IS NOT NULL
    UNION
    SELECT e.id FROM play_history p JOIN error_log e ON e.station = p.station AND e.play_id = p.id::text
    WHERE p.id = ANY(%(plays)s::bigint[]) AND e.play_id IS NOT NULL
), resolved AS (
    SELECT e.id, e.play_history_id AS before, coalesce(named.id, running.id) AS after
    FROM error_log e JOIN affected USING (id)
    LEFT JOIN LATERAL (
        SELECT c.id FROM (
            SELECT p.id, p.started_at, p.play_key FROM play_history p
            WHERE p.station = e.station AND p.play_id = e.play_id
            UNION ALL
            SELECT p.id, p.started_at, p.play_key FROM play_history p
            WHERE p.station = e.station
              AND e.play_id ~ '^[0-9]{1,18}$' AND p.id = CASE WHEN e.play_id ~ '^[0-9]{1,18}$' THEN e.play_id::bigint END
              AND NOT EXISTS (SELECT FROM play_history q WHERE q.station = e.station AND q.play_id = e.play_id)
        ) c
        ORDER BY c.started_at <= e.timestamp DESC, abs(extract(epoch FROM c.started_at - e.timestamp)), c.play_key LIMIT 1
    ) named ON true
    LEFT JOIN LATERAL (
        SELECT CASE WHEN e.timestamp <= coalesce(p.ended_at,
                         p.started_at + make_interval(secs => greatest(p.expected_duration_seconds, %(max_open_seconds)s)))
                    THEN p.id END AS id
        FROM play_history p
        WHERE p.station = e.station AND p.started_at <= e.timestamp AND e.time_quality NOT IN ('estimated', 'unknown')
        ORDER BY p.started_at DESC, p.play_key DESC LIMIT 1
    ) running ON named.id IS NULL
), changed AS (
    UPDATE error_log e SET play_history_id = r.after FROM resolved r
    WHERE e.id = r.id AND r.before IS DISTINCT FROM r.after
    RETURNING r.before, r.after
)
SELECT before FROM changed WHERE before IS NOT NULL UNION SELECT after FROM changed WHERE after IS NOT NULL

-- name: count_errors
UPDATE play_history p SET had_errors = c.had_errors, error_count = c.error_count, error_message = c.error_message
FROM (
    SELECT q.id, q.said_errors OR q.retired_errors > 0 OR count(e.id) > 0 AS had_errors,
           least(q.retired_errors + coalesce(sum(e.occurrences), 0), 2147483647)::int AS error_count,
           coalesce(q.said_message, CASE WHEN q.retired_errors > 0 THEN q.error_message END,
                    (array_agg(e.message ORDER BY e.timestamp, e.message))[1]) AS error_message
    FROM play_history q
    LEFT JOIN error_log e ON e.play_history_id = q.id AND e.severity IN ('error', 'critical') AND NOT e.noise
    WHERE q.id = ANY(%(plays)s::bigint[])
    GROUP BY q.id
) c
WHERE p.id = c.id
  AND (p.had_errors, p.error_count, p.error_message) IS DISTINCT FROM (c.had_errors, c.error_count, c.error_message)

-- Resolutions in the span for the errors before them; all resolutions for the errors in the span. The earliest that
-- fits counts, so that the order of arrival does not matter.
-- name: resolve_errors
WITH fitting AS (
    SELECT e.id, r.resolved_at
    FROM error_resolutions r JOIN error_log e ON e.station = r.station AND e.service = r.service
    WHERE r.station = %(station)s AND r.resolved_at BETWEEN %(from_time)s AND %(to_time)s AND r.error_id IS NULL
      AND e.timestamp <= r.resolved_at AND (r.template IS NULL OR e.template = r.template)
    UNION ALL
    SELECT e.id, r.resolved_at
    FROM error_resolutions r JOIN error_log e ON e.id = r.error_id AND e.station = r.station
    WHERE r.station = %(station)s AND r.resolved_at BETWEEN %(from_time)s AND %(to_time)s
      AND e.timestamp <= r.resolved_at
    UNION ALL
    SELECT e.id, r.resolved_at
    FROM error_log e JOIN error_resolutions r ON r.station = e.station AND r.resolved_at >= e.timestamp
    WHERE e.station = %(station)s AND e.timestamp BETWEEN %(from_time)s AND %(to_time)s
      AND (e.id = r.error_id
           OR (r.error_id IS NULL AND e.service = r.service AND (r.template IS NULL OR e.template = r.template)))
), earliest AS (
    SELECT id, min(resolved_at) AS resolved_at FROM fitting GROUP BY id
)
UPDATE error_log e SET resolved = true, resolved_at = least(e.resolved_at, f.resolved_at)
FROM earliest f WHERE e.id = f.id AND (NOT e.resolved OR e.resolved_at > f.resolved_at)
