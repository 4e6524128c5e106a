-- What is past its retention (ingest/retention.py). Days and weeks are of UTC. Rows that go are counted by the file that they
-- came from, in the same transaction. {table}, {at}: of the rule; {due}: its section below.

-- name: due_play_history
started_at < %(before)s

-- name: due_play_ends
ended_at < %(before)s

-- name: due_error_log
resolved AND timestamp < %(before)s

-- name: due_error_resolutions
resolved_at < %(before)s

-- A suspended file is released behind its letters.
-- name: due_dead_letters
arrived_at < %(before)s AND generation NOT IN (SELECT generation FROM ingest_files WHERE state = 'suspended')

-- name: due_stream_sessions
coalesce(ended_at, last_progress_at, started_at) < %(before)s

-- name: due_notification_outbox
state NOT IN ('pending', 'gone') AND created_at < %(before)s

-- name: due_system_metrics
timestamp < %(before)s

-- Parameter: unit (day or week).
-- name: cutoff
SELECT date_trunc(%(unit)s, now() - make_interval(days => %(days)s), 'UTC')

-- name: count
SELECT count(*) FROM {table} WHERE {due}

-- name: exists
SELECT EXISTS (SELECT FROM {table} WHERE {due})

-- name: days
SELECT DISTINCT date_trunc('day', {at}, 'UTC') AS from_time FROM {table} WHERE {due} ORDER BY 1

-- Every week is either a partition or in the default one, never both (schema.sql, ensure_metric_partition).
-- name: weeks
SELECT to_date(substr(c.relname, 16), 'IYYY"w"IW')::timestamp AT TIME ZONE 'UTC' AS from_time
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'system_metrics'::regclass AND c.relname ~ '^system_metrics_[0-9]{4}w[0-9]{2}$'
  AND to_date(substr(c.relname, 16), 'IYYY"w"IW')::timestamp AT TIME ZONE 'UTC' < %(before)s
UNION
SELECT date_trunc('week', timestamp, 'UTC') FROM system_metrics_default WHERE timestamp < %(before)s
ORDER BY 1

-- The same as the digest of rows that go (schema.sql, retire_plays).
-- name: digest
SELECT count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)
FROM {table} t WHERE {due} AND {at} >= %(from_time)s AND {at} < %(to_time)s

-- name: columns
SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum

-- name: rows
SELECT {columns} FROM {table} WHERE {due} ORDER BY {at}, id

-- name: remove_play_history
SELECT removed, digest FROM retire_plays(%(from_time)s, %(to_time)s)

-- name: remove_play_ends
SELECT removed, digest FROM retire_play_ends(%(from_time)s, %(to_time)s)

-- name: remove_error_log
SELECT removed, digest FROM retire_errors(%(from_time)s, %(to_time)s)

-- name: lock_files
SELECT FROM ingest_files WHERE generation IN (
    SELECT generation FROM {table} WHERE {due} AND {at} >= %(from_time)s AND {at} < %(to_time)s)
ORDER BY generation FOR NO KEY UPDATE

-- name: remove_error_resolutions
WITH gone AS (
    DELETE FROM error_resolutions WHERE {due} AND resolved_at >= %(from_time)s AND resolved_at < %(to_time)s RETURNING *
), retired AS (
    UPDATE ingest_files f SET rows_retired = rows_retired + g.n
    FROM (SELECT generation, count(*) AS n FROM gone GROUP BY generation) g WHERE f.generation = g.generation
)
SELECT count(*), count(*) || ':' || coalesce(sum(hashtextextended(gone::text, 0)::numeric), 0) FROM gone

-- Of a replayed letter the ledger counts the row.
-- name: remove_dead_letters
WITH gone AS (
    DELETE FROM dead_letters WHERE {due} AND arrived_at >= %(from_time)s AND arrived_at < %(to_time)s RETURNING *
), retired AS (
    UPDATE ingest_files f SET letters_retired = letters_retired + g.n
    FROM (SELECT generation, count(*) AS n FROM gone WHERE replayed_at IS NULL GROUP BY generation) g
    WHERE f.generation = g.generation
)
SELECT count(*), count(*) || ':' || coalesce(sum(hashtextextended(gone::text, 0)::numeric), 0) FROM gone

-- name: remove_stream_sessions
WITH gone AS (
    DELETE FROM stream_sessions WHERE {due} AND coalesce(ended_at, last_progress_at, started_at) >= %(from_time)s
        AND coalesce(ended_at, last_progress_at, started_at) < %(to_time)s RETURNING *
)
SELECT count(*), count(*) || ':' || coalesce(sum(hashtextextended(gone::text, 0)::numeric), 0) FROM gone

-- name: remove_notification_outbox
WITH gone AS (
    DELETE FROM notification_outbox WHERE {due} AND created_at >= %(from_time)s AND created_at < %(to_time)s RETURNING *
)
SELECT count(*), count(*) || ':' || coalesce(sum(hashtextextended(gone::text, 0)::numeric), 0) FROM gone

-- NULL: the digest is another by now.
-- name: remove_system_metrics
SELECT retire_metric_week(%(from_time)s, %(digest)s)

-- name: ensure_partition
SELECT ensure_metric_partition(now() + make_interval(weeks => %(weeks)s))

-- Without a repeat: no line of the same service and kind, whatever its severity, for so many days.
-- name: silent_kinds
SELECT station, service, coalesce(template, message) AS kind, max(timestamp) + make_interval(days => %(days)s) AS at
FROM error_log GROUP BY station, service, coalesce(template, message)
HAVING max(timestamp) < now() - make_interval(days => %(days)s) AND bool_or(NOT resolved AND severity <> 'critical')

-- {kinds}: silent_kinds.
-- name: resolve_by_age
WITH silent AS ({kinds})
UPDATE error_log e SET resolved = true, resolved_at = s.at
FROM silent s
WHERE NOT e.resolved AND e.severity <> 'critical' AND e.timestamp < now() - make_interval(days => %(days)s)
  AND (e.station, e.service, coalesce(e.template, e.message)) = (s.station, s.service, s.kind)

-- What resolve_by_age would resolve, and how many errors would be due after it; no row is locked.
-- name: count_errors
WITH silent AS ({kinds}), seen AS (
    SELECT e.timestamp, e.resolved, NOT e.resolved AND e.severity <> 'critical' AND s.kind IS NOT NULL AS resolves
    FROM error_log e LEFT JOIN silent s
      ON (e.station, e.service, coalesce(e.template, e.message)) = (s.station, s.service, s.kind)
)
SELECT count(*) FILTER (WHERE resolves), count(*) FILTER (WHERE (resolved OR resolves) AND timestamp < %(before)s) FROM seen

-- Checkpoints that are over, of which nothing is stored any more.
-- name: old_checkpoints
SELECT f.generation, f.path, f.family FROM ingest_files f
WHERE f.machine = %(machine)s AND f.state IN ('finished', 'replaced') AND f.held = 0
  AND greatest(f.finished_at, f.updated_at) < now() - make_interval(days => %(days)s)
  AND f.rows_stored = f.rows_retired AND f.dead_letters = f.letters_retired
  AND NOT EXISTS (SELECT FROM stream_sessions s WHERE s.generation = f.generation)
  AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.generation = f.generation)
ORDER BY f.generation

-- Where files of a family were seen, on this machine.
-- name: family_paths
SELECT DISTINCT path FROM ingest_files WHERE machine = %(machine)s AND family = %(family)s

-- name: lock_checkpoint
SELECT path FROM ingest_files WHERE generation = %(generation)s AND state IN ('finished', 'replaced') AND held = 0
  AND greatest(finished_at, updated_at) < now() - make_interval(days => %(days)s) FOR UPDATE

-- The numbers of a run that goes on in other files move to the next of these: else they would be missing.
-- name: bequeath_runs
INSERT INTO ingest_runs AS r (generation, run_id, lines, seqs, repeated, irregular)
SELECT (SELECT min(h.generation) FROM ingest_runs h WHERE h.run_id = g.run_id AND h.generation > g.generation),
       g.run_id, g.lines, g.seqs, g.repeated, g.irregular
FROM ingest_runs g
WHERE g.generation = %(generation)s
  AND EXISTS (SELECT FROM ingest_runs h WHERE h.run_id = g.run_id AND h.generation > g.generation)
ON CONFLICT (generation, run_id) DO UPDATE SET
    lines = r.lines + excluded.lines, seqs = r.seqs + excluded.seqs, irregular = r.irregular OR excluded.irregular,
    repeated = r.repeated + excluded.repeated + r.seqs * excluded.seqs

-- name: keep_counters
INSERT INTO ingest_forgotten AS k (machine, service, stored, folded, below_threshold, blank, duplicate, committed_offset)
SELECT machine, %(service)s, stored, folded, below_threshold, blank, duplicate, committed_offset
FROM ingest_files WHERE generation = %(generation)s
ON CONFLICT (machine, service) DO UPDATE SET
    stored = k.stored + excluded.stored, folded = k.folded + excluded.folded, blank = k.blank + excluded.blank,
    below_threshold = k.below_threshold + excluded.below_threshold, duplicate = k.duplicate + excluded.duplicate,
    committed_offset = k.committed_offset + excluded.committed_offset

-- name: forget_generation
WITH runs AS (DELETE FROM ingest_runs WHERE generation = %(generation)s),
     ladder AS (DELETE FROM ingest_ladder WHERE generation = %(generation)s),
     gaps AS (DELETE FROM ingest_gaps WHERE generation = %(generation)s)
DELETE FROM ingest_files WHERE generation = %(generation)s

-- name: forget_instances
DELETE FROM ingest_instances i
WHERE coalesce(i.stopped_at, i.heartbeat_at) < now() - make_interval(days => %(days)s)
  AND NOT EXISTS (SELECT FROM ingest_files f WHERE f.owner = i.instance)
