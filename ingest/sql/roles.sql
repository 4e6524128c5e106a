-- The roles of separate processes (DESIGN 10), made where they are missing, and what each may do. Harmless to run again.
-- Partitions are made and dropped by functions in the owner's name (schema.sql); nobody but the owner may alter a table.

-- name: may_create
SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user

-- name: existing
SELECT count(*) FROM pg_roles WHERE rolname = ANY(%(roles)s)

-- Without a password: over the socket the system's user of that name may log in (peer), else give them one.
-- name: create
DO $$
DECLARE
    role_name TEXT;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['radio_ingest', 'radio_notify', 'radio_report', 'radio_retention'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role_name);
        END IF;
    END LOOP;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- somebody else made them at the same moment
END $$

-- name: grant
DO $$ BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO radio_ingest, radio_notify, radio_report, radio_retention', current_schema());
END $$;
GRANT SELECT ON schema_version, stations, maintenance_windows, ingest_instances
    TO radio_ingest, radio_notify, radio_report, radio_retention;

-- Reads hostile bytes: it may add and derive, and remove nothing but what it queued, or gaps that healed.
GRANT SELECT, INSERT, UPDATE ON stations, play_history, play_ends, error_log, error_resolutions, system_metrics, stream_sessions,
    ingest_instances, ingest_files, ingest_ladder, ingest_gaps, ingest_runs, dead_letters, derive_queue, rollup_queue,
    metric_rollups, alert_state TO radio_ingest;
GRANT DELETE ON derive_queue, rollup_queue, ingest_gaps TO radio_ingest;
GRANT SELECT (dedupe_key), INSERT ON notification_outbox TO radio_ingest;
GRANT SELECT ON ingest_losses, current_playing, station_signs, stream_session_chain TO radio_ingest;
GRANT USAGE ON SEQUENCE system_metrics_id_seq TO radio_ingest;
DO $$ BEGIN  -- ids of plays are taken before the plays are stored; a default would need no right
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO radio_ingest', pg_get_serial_sequence('play_history', 'id'));
END $$;
GRANT EXECUTE ON FUNCTION ensure_metric_partition(TIMESTAMPTZ) TO radio_ingest, radio_retention;

-- Has the network: it sees the outbox, and whether a daemon lives.
GRANT SELECT, INSERT, UPDATE, DELETE ON notification_outbox TO radio_notify;
GRANT SELECT, INSERT, UPDATE ON alert_state TO radio_notify;

-- Reads figures; hashes of raw bytes and parsers' states are none.
GRANT SELECT ON play_history, play_ends, error_log, error_resolutions, system_metrics, stream_sessions, dead_letters,
    ingest_gaps, ingest_runs, ingest_forgotten, derive_queue, rollup_queue, metric_rollups, daily_summaries, daily_track_summaries,
    alert_state, notification_outbox, recent_plays, current_playing, station_signs, stream_session_chain, recent_incidents, ingest_losses
    TO radio_report;
GRANT SELECT (generation, machine, owner, path, family, compression, device, inode, committed_offset, size_bytes, state, parser,
              lines, stored, folded, below_threshold, blank, duplicate, dead_letters, held, rows_stored, rows_retired,
              letters_retired, created_at, updated_at, finished_at, last_error) ON ingest_files TO radio_report;
GRANT INSERT ON notification_outbox TO radio_report;

-- Removes what is past its retention, and sums it up.
GRANT SELECT, UPDATE, DELETE ON play_history, error_log, ingest_files TO radio_retention;
GRANT SELECT, DELETE ON play_ends, error_resolutions, stream_sessions, dead_letters, notification_outbox, ingest_instances,
    ingest_ladder, ingest_gaps TO radio_retention;
GRANT SELECT, INSERT, UPDATE, DELETE ON ingest_runs TO radio_retention;
GRANT SELECT, INSERT, UPDATE ON daily_summaries, daily_track_summaries, ingest_forgotten TO radio_retention;
GRANT SELECT ON system_metrics, system_metrics_default, metric_rollups TO radio_retention;
GRANT EXECUTE ON FUNCTION retire_metric_week(TIMESTAMPTZ, TEXT) TO radio_retention
