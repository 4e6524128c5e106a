-- What `radiolog doctor` asks. Nothing is changed.

-- name: server
SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version,
       current_setting('server_encoding') AS encoding, current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('fsync') AS fsync, current_user AS role,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser, pg_is_in_recovery() AS standby,
       extract(epoch FROM clock_timestamp())::float8 AS now_seconds

-- name: roles
SELECT rolname FROM pg_roles WHERE rolname = ANY(%(names)s)

-- A commit that writes and flushes WAL, and stores nothing.
-- name: write
SELECT pg_logical_emit_message(true, 'radiolog doctor', '')

-- name: files
SELECT path, state, committed_offset, compression, last_error,
       extract(epoch FROM now() - updated_at)::float8 AS quiet_seconds
FROM ingest_files WHERE machine = %(machine)s AND state IN ('active', 'suspended') ORDER BY path

-- name: gaps
SELECT reason, count(*)::int AS count, sum(to_offset - from_offset)::bigint AS bytes, min(path) AS path
FROM ingest_gaps WHERE detected_at > now() - interval '7 days' AND reason <> 'read_before' GROUP BY reason ORDER BY reason

-- name: daemons
SELECT instance, epoch, health, extract(epoch FROM now() - started_at)::float8 AS age_seconds,
       extract(epoch FROM now() - heartbeat_at)::float8 AS silent_seconds, stopped_at IS NULL AS running
FROM ingest_instances
WHERE machine = %(machine)s AND split_part(instance, '/', 2) = 'run' ORDER BY heartbeat_at DESC

-- name: outbox
SELECT count(*) FILTER (WHERE state = 'pending' AND created_at < now() - interval '1 hour')::int AS late,
       count(*) FILTER (WHERE state = 'dead')::int AS dead
FROM notification_outbox WHERE created_at > now() - interval '7 days'
