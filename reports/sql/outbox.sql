-- The outbox. A row without target is for all that the notifier knows; it is split into one row a target. Of a target
-- only its oldest waiting row is tried, so that off air and on air again arrive in that order. Taking a row moves its
-- next_attempt_at into the future: that is the lease after which a row whose sender died is tried again.

-- name: put
INSERT INTO notification_outbox (dedupe_key, target, station, kind, payload)
VALUES (%(dedupe_key)s, %(target)s, %(station)s, %(kind)s, %(payload)s)
ON CONFLICT (dedupe_key) DO NOTHING

-- name: split
WITH whole AS (
    UPDATE notification_outbox SET state = 'split'
    WHERE state = 'pending' AND target = '' AND created_at > now() - interval '1 day'
    RETURNING id, dedupe_key, station, kind, payload, created_at
)
INSERT INTO notification_outbox (dedupe_key, target, station, kind, payload, created_at)
SELECT w.dedupe_key || '@' || t.name, t.name, w.station, w.kind, w.payload, w.created_at
FROM whole w CROSS JOIN unnest(%(targets)s::text[]) t (name) ORDER BY w.id
ON CONFLICT (dedupe_key) DO NOTHING

-- Nobody wants yesterday's alarm, and a webhook that is gone gets nothing more.
-- name: give_up
UPDATE notification_outbox o
SET state = 'dead', last_error = coalesce(o.last_error || '; ', '') || CASE WHEN o.created_at <= now() - interval '1 day'
    THEN 'given up after a day' ELSE 'the webhook is gone' END
WHERE o.state = 'pending' AND (o.created_at <= now() - interval '1 day'
    OR o.target <> '' AND EXISTS (SELECT FROM notification_outbox g WHERE g.target = o.target AND g.state = 'gone'))
RETURNING o.id

-- name: forget
DELETE FROM notification_outbox WHERE state <> 'pending' AND state <> 'gone' AND created_at < now() - interval '90 days'

-- name: take
UPDATE notification_outbox o
SET next_attempt_at = now() + make_interval(secs => %(lease_seconds)s), attempts = attempts + 1
WHERE o.state = 'pending' AND o.next_attempt_at <= now() AND o.id = (
    SELECT min(p.id) FROM notification_outbox p WHERE p.state = 'pending' AND p.target = %(target)s)
RETURNING o.id, o.payload, o.attempts

-- name: settle
UPDATE notification_outbox
SET state = %(state)s, last_error = %(reason)s, sent_at = CASE WHEN %(state)s = 'sent' THEN now() END,
    next_attempt_at = now() + make_interval(secs => %(wait_seconds)s)
WHERE id = %(id)s AND state = 'pending'

-- name: waiting
SELECT id, target, attempts, last_error, extract(epoch FROM next_attempt_at - now())::double precision AS wait_seconds
FROM notification_outbox WHERE state = 'pending' AND target = ANY (%(targets)s) ORDER BY id

-- name: revive
UPDATE notification_outbox SET state = 'dead' WHERE state = 'gone' AND target = %(target)s

-- name: gone
SELECT DISTINCT target FROM notification_outbox WHERE state = 'gone' AND target = ANY (%(targets)s) ORDER BY target

-- name: found
SELECT target, state, last_error FROM notification_outbox
WHERE dedupe_key = %(dedupe_key)s OR dedupe_key LIKE %(split_keys)s ORDER BY id

-- name: is_daemon_alive
SELECT EXISTS (SELECT FROM ingest_instances WHERE stopped_at IS NULL AND heartbeat_at > now() - interval '1 minute') AS alive

-- Of each machine whose daemon was started and neither stopped nor given up: how long the most silent one has been so.
-- name: daemons
SELECT coalesce(host, '') AS host, now() AS now, min(heartbeat_at) AS heartbeat_at,
       extract(epoch FROM now() - min(heartbeat_at))::float8 AS silent_seconds
FROM ingest_instances
WHERE stopped_at IS NULL AND split_part(instance, '/', 2) = 'run' AND heartbeat_at > now() - interval '1 day'
GROUP BY coalesce(host, '')

-- One notifier at a time, known by this lock.
-- name: begin_notifying
SELECT pg_try_advisory_lock(7240151803604) AS mine

-- name: is_notifier_running
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND classid = (7240151803604 >> 32)::int AND objid = (7240151803604 & 4294967295)::bigint::oid) AS running
