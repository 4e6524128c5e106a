-- What `radiolog db upgrade` asks, and how it takes over a database of the older station schema (SERIAL ids, TIMESTAMP
-- without zone). {columns}, {values}: of the rows that are taken over.

-- Live daemons of another version, or of one that did not say.
-- name: other_daemons
SELECT coalesce(health ->> 'version', 'of an unknown version'), coalesce(host, ''), pid FROM ingest_instances
WHERE stopped_at IS NULL AND heartbeat_at > now() - make_interval(secs => %(live_seconds)s)
  AND health ->> 'version' IS DISTINCT FROM %(version)s
ORDER BY instance

-- Of the older schema: it had no station, and no version.
-- name: is_old_station
SELECT to_regclass('schema_version') IS NULL AND EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = to_regclass('play_history') AND attname = 'track_key')
AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('play_history') AND attname = 'station')

-- Everything in the way of ours: tables (with indexes and sequences), views, functions.
-- name: old_relations
SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, c.relname
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname

-- name: old_functions
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind = 'f'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')

-- name: old_columns
SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped

-- name: old_weeks
SELECT DISTINCT date_trunc('week', {at}, 'UTC') FROM {old} o ORDER BY 1

-- name: take_over
INSERT INTO {table} ({columns}) SELECT {values} FROM {old} o

-- name: count
SELECT count(*) FROM {table}

-- name: titles
SELECT DISTINCT artist, title FROM play_history WHERE artist <> '' OR title <> ''

-- name: set_track_keys
UPDATE play_history p SET track_key = k.track_key
FROM unnest(%(artists)s::text[], %(titles)s::text[], %(keys)s::text[]) AS k (artist, title, track_key)
WHERE p.artist = k.artist AND p.title = k.title AND p.track_key <> k.track_key

-- Ends become facts, and errors name their play, so that nothing is lost when the bookkeeper derives these times again.
-- name: say_ends
INSERT INTO play_ends (station, ended_at, play_id, had_errors, error_message, time_quality)
SELECT station, ended_at, id::text, had_errors, error_message, time_quality FROM play_history WHERE ended_at IS NOT NULL

-- name: keep_counts
UPDATE play_history p SET said_errors = p.had_errors, said_message = p.error_message, ended_by = CASE WHEN ended_at IS NOT NULL THEN 'event' END,
    duration_seconds = coalesce(p.duration_seconds, extract(epoch FROM p.ended_at - p.started_at)),
    retired_errors = greatest(p.error_count - (SELECT count(*) FROM error_log e WHERE e.play_history_id = p.id
                                               AND e.severity IN ('error', 'critical')), 0)

-- name: add_station
INSERT INTO stations (name, time_zone) VALUES (%(station)s, %(time_zone)s) ON CONFLICT DO NOTHING

-- name: queue
INSERT INTO rollup_queue (station, from_time, to_time)
SELECT station, min(timestamp), max(timestamp) FROM system_metrics GROUP BY station

-- Identity and serial columns go on behind what is there.
-- name: go_on_counting
SELECT setval(pg_get_serial_sequence('play_history', 'id'), (SELECT max(id) FROM play_history)),
       setval(pg_get_serial_sequence('error_log', 'id'), (SELECT max(id) FROM error_log)),
       setval('system_metrics_id_seq', (SELECT max(id) FROM system_metrics))
