-- The commit protocol (docs/architecture.md, "One transaction"). Parameters are psycopg2's, by name.

-- Higher than the row's and than the caller's own: a database restored from a backup knows an older one.
-- name: raise_epoch
INSERT INTO ingest_instances AS i (instance, epoch, machine, roots, pid, host)
VALUES (%(instance)s, %(epoch)s + 1, %(machine)s, %(roots)s, %(pid)s, %(host)s)
ON CONFLICT (instance) DO UPDATE
    SET epoch = greatest(i.epoch, %(epoch)s) + 1, machine = excluded.machine, roots = excluded.roots, pid = excluded.pid,
        host = excluded.host, started_at = now(), heartbeat_at = now(), stopped_at = NULL
RETURNING epoch

-- name: heartbeat
UPDATE ingest_instances SET heartbeat_at = now(), health = %(health)s
WHERE instance = %(instance)s AND epoch = %(epoch)s

-- name: move
UPDATE ingest_instances SET roots = %(roots)s WHERE instance = %(instance)s AND epoch = %(epoch)s

-- name: sign_off
UPDATE ingest_instances SET stopped_at = now(), heartbeat_at = now()
WHERE instance = %(instance)s AND epoch = %(epoch)s

-- name: current_epoch
SELECT epoch FROM ingest_instances WHERE instance = %(instance)s

-- name: other_live_instances
SELECT instance, roots FROM ingest_instances
WHERE machine = %(machine)s AND instance <> %(instance)s AND stopped_at IS NULL
  AND heartbeat_at > now() - make_interval(secs => %(live_seconds)s)

-- name: load_families
SELECT generation, device, inode, birth_ns, path, family, boot_id, head_length, head_hash, proof_length, proof_hash,
       committed_offset, size_bytes, version, state, compression, owner, owner_epoch, parser, parser_version,
       coalesce(parser_state, '{}'::jsonb), held
FROM ingest_files
WHERE machine = %(machine)s
  AND (family = ANY(%(families)s)
       OR (device, inode) IN (SELECT * FROM unnest(%(devices)s::bigint[], %(inodes)s::bigint[])))
ORDER BY generation DESC

-- name: load_generations
SELECT generation, device, inode, birth_ns, path, family, boot_id, head_length, head_hash, proof_length, proof_hash,
       committed_offset, size_bytes, version, state, compression, owner, owner_epoch, parser, parser_version,
       coalesce(parser_state, '{}'::jsonb), held
FROM ingest_files
WHERE generation = ANY(%(generations)s)

-- Takes files over: what was mine, and what nobody alive owns. FOR SHARE on my epoch: a newer start of this instance
-- waits for this transaction or makes it find nothing.
-- name: claim
UPDATE ingest_files f SET owner = %(instance)s, owner_epoch = %(epoch)s, version = f.version + 1
FROM (SELECT 1 FROM ingest_instances WHERE instance = %(instance)s AND epoch = %(epoch)s FOR SHARE) mine
WHERE f.generation = ANY(%(generations)s)
  AND (f.owner = %(instance)s
       OR NOT EXISTS (SELECT FROM ingest_instances o WHERE o.instance = f.owner AND o.stopped_at IS NULL
                      AND o.heartbeat_at > now() - make_interval(secs => %(live_seconds)s)))
RETURNING f.generation

-- name: create_generation
INSERT INTO ingest_files (machine, owner, owner_epoch, path, family, compression, device, inode, birth_ns, boot_id,
                          parser, parser_version, committed_offset, head_length, head_hash, proof_length, proof_hash)
SELECT %(machine)s, %(instance)s, %(epoch)s, %(path)s, %(family)s, %(compression)s, %(device)s, %(inode)s, %(birth_ns)s,
       %(boot_id)s, %(parser)s, %(parser_version)s, %(offset)s, %(head_length)s, %(head_hash)s, %(proof_length)s,
       %(proof_hash)s
FROM (SELECT 1 FROM ingest_instances WHERE instance = %(instance)s AND epoch = %(epoch)s FOR SHARE) mine
RETURNING generation

-- What was given up stays so in its copy.
-- name: rebind
UPDATE ingest_files SET device = %(device)s, inode = %(inode)s, birth_ns = %(birth_ns)s, path = %(path)s,
       family = %(family)s, compression = %(compression)s, boot_id = %(boot_id)s,
       state = CASE WHEN state = 'suspended' THEN state ELSE 'active' END, finished_at = NULL, version = version + 1
WHERE generation = %(generation)s AND version = %(version)s AND owner = %(instance)s AND owner_epoch = %(epoch)s

-- The compare-and-set. One row, or the whole transaction is rolled back.
-- name: advance
UPDATE ingest_files SET
    committed_offset = %(to_offset)s, version = version + 1, size_bytes = %(size_bytes)s, path = %(path)s,
    family = %(family)s,
    head_length = %(head_length)s, head_hash = %(head_hash)s, proof_length = %(proof_length)s,
    proof_hash = %(proof_hash)s, parser = %(parser)s, parser_version = %(parser_version)s,
    parser_state = %(parser_state)s, state = %(state)s, boot_id = %(boot_id)s,
    finished_at = CASE WHEN %(state)s = 'finished' THEN now() END, updated_at = now(), last_error = NULL,
    lines = lines + %(lines)s, stored = stored + %(stored)s, folded = folded + %(folded)s,
    below_threshold = below_threshold + %(below_threshold)s, blank = blank + %(blank)s,
    duplicate = duplicate + %(duplicate)s, dead_letters = dead_letters + %(dead_letters)s, held = %(held)s,
    rows_stored = rows_stored + %(rows)s
WHERE generation = %(generation)s AND version = %(version)s AND committed_offset = %(from_offset)s
  AND owner = %(owner)s AND owner_epoch = %(owner_epoch)s

-- A start line of a play that was known already, or a row that PostgreSQL refused: the line's disposition changes.
-- name: recount
UPDATE ingest_files SET stored = stored - %(lines)s, folded = folded + %(folded)s,
       dead_letters = dead_letters + %(dead_letters)s, rows_stored = rows_stored - %(rows)s
WHERE generation = %(generation)s

-- name: note_error
UPDATE ingest_files SET last_error = %(message)s WHERE generation = %(generation)s

-- name: set_time_zone
UPDATE stations SET time_zone = %(time_zone)s WHERE name = %(station)s AND time_zone <> %(time_zone)s

-- name: add_stations
INSERT INTO stations (name, time_zone) SELECT name, %(time_zone)s FROM unnest(%(names)s::text[]) name ORDER BY name
ON CONFLICT DO NOTHING

-- Ids for new plays; none where one of these keys is known.
-- name: next_play_ids
SELECT nextval(sequence)
FROM (SELECT pg_get_serial_sequence('play_history', 'id')::regclass OFFSET 0) AS asked_once (sequence),
     generate_series(1, %(count)s)
WHERE NOT EXISTS (SELECT FROM unnest(%(stations)s::text[], %(play_keys)s::text[]) AS k (station, play_key)
                  JOIN play_history p USING (station, play_key))

-- The same play said twice is one play: the earlier start wins whole, so that the order of arrival does not matter.
-- Rows come in as JSON. Where the play was known, the time that it stood at is looked at again too. Gives the lines whose
-- plays were new.
-- name: upsert_plays
WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (station, play_key) *
    FROM jsonb_to_recordset(%(plays)s::jsonb) AS r (track_key text, artist text, title text, album text,
        azuracast_song_id text, loop_file_path text, started_at timestamptz, expected_duration_seconds double precision,
        ffmpeg_pid bigint, metadata jsonb, station text, service text, host text, play_id text, play_key text,
        time_quality text, generation bigint, line_offset bigint)
    ORDER BY station, play_key, started_at, track_key, coalesce(metadata::text, ''), service
), known AS (
    INSERT INTO derive_queue (station, from_time, to_time)
    SELECT p.station, p.started_at, p.started_at FROM said JOIN play_history p USING (station, play_key)
), stored AS (
    INSERT INTO play_history AS p (track_key, artist, title, album, azuracast_song_id, loop_file_path, started_at,
        expected_duration_seconds, ffmpeg_pid, metadata, station, service, host, play_id, play_key, time_quality,
        generation, line_offset)
    SELECT track_key, artist, title, album, azuracast_song_id, loop_file_path, started_at, expected_duration_seconds,
        ffmpeg_pid, metadata, station, service, host, play_id, play_key, time_quality, generation, line_offset
    FROM said
    ON CONFLICT (station, play_key) DO UPDATE
        SET track_key = excluded.track_key, artist = excluded.artist, title = excluded.title, album = excluded.album,
            azuracast_song_id = excluded.azuracast_song_id, loop_file_path = excluded.loop_file_path,
            started_at = excluded.started_at, expected_duration_seconds = excluded.expected_duration_seconds,
            ffmpeg_pid = excluded.ffmpeg_pid, metadata = excluded.metadata, service = excluded.service,
            host = excluded.host, play_id = excluded.play_id, time_quality = excluded.time_quality
        WHERE (excluded.started_at, excluded.track_key, coalesce(excluded.metadata::text, ''), excluded.service)
            < (p.started_at, p.track_key, coalesce(p.metadata::text, ''), p.service)
    RETURNING xmax = 0 AS inserted, generation, line_offset
)
SELECT generation, line_offset, count(*) FROM stored WHERE inserted GROUP BY generation, line_offset

-- name: upsert_sessions
INSERT INTO stream_sessions AS s (station, session_key, service, host, pid, ffmpeg_version, inputs, outputs, mapping,
    started_at, ended_at, time_quality, end_kind, signal, exit_guess, cause, cause_category, first_progress_at,
    last_progress_at, progress_count, frames, size_bytes, out_time_seconds, fps, speed_average, speed_worst, dup_frames,
    drop_frames, warning_count, error_count, stall_count, stall_seconds, first_out_time_seconds, summary, generation,
    line_offset)
SELECT station, session_key, coalesce(service, ''), host, pid, left(ffmpeg_version, 128), inputs, outputs, mapping,
    started_at, ended_at, time_quality, end_kind, signal, exit_guess, cause, cause_category, first_progress_at,
    last_progress_at, coalesce(progress_count, 0), frames, size_bytes, out_time_seconds, fps, speed_average, speed_worst,
    dup_frames, drop_frames, coalesce(warning_count, 0), coalesce(error_count, 0), coalesce(stall_count, 0),
    coalesce(stall_seconds, 0), first_out_time_seconds, summary, generation, line_offset
FROM jsonb_to_recordset(%(sessions)s::jsonb) AS r (station text, session_key text, service text, host text, pid bigint,
    ffmpeg_version text, inputs jsonb, outputs jsonb, mapping jsonb, started_at timestamptz, ended_at timestamptz,
    time_quality text, end_kind text, signal int, exit_guess int, cause text, cause_category text,
    first_progress_at timestamptz, last_progress_at timestamptz, progress_count bigint, frames bigint,
    size_bytes bigint, out_time_seconds double precision, fps double precision, speed_average double precision,
    speed_worst double precision, dup_frames bigint, drop_frames bigint,
    warning_count bigint, error_count bigint, stall_count int, stall_seconds double precision,
    first_out_time_seconds double precision, summary jsonb, generation bigint,
    line_offset bigint)
ON CONFLICT (station, session_key) DO UPDATE
    SET pid = excluded.pid, ffmpeg_version = excluded.ffmpeg_version, inputs = excluded.inputs,
        outputs = excluded.outputs, mapping = excluded.mapping, ended_at = excluded.ended_at,
        end_kind = excluded.end_kind, signal = excluded.signal, exit_guess = excluded.exit_guess,
        cause = excluded.cause, cause_category = excluded.cause_category,
        first_progress_at = excluded.first_progress_at, last_progress_at = excluded.last_progress_at,
        progress_count = excluded.progress_count, frames = excluded.frames, size_bytes = excluded.size_bytes,
        out_time_seconds = excluded.out_time_seconds, fps = excluded.fps, speed_average = excluded.speed_average,
        speed_worst = excluded.speed_worst, dup_frames = excluded.dup_frames, drop_frames = excluded.drop_frames,
        warning_count = excluded.warning_count, error_count = excluded.error_count, stall_count = excluded.stall_count,
        stall_seconds = excluded.stall_seconds, first_out_time_seconds = excluded.first_out_time_seconds,
        summary = excluded.summary

-- name: queue_derivation
WITH derived AS (
    INSERT INTO derive_queue (station, from_time, to_time)
    SELECT * FROM unnest(%(derived_stations)s::text[], %(derived_from_times)s::timestamptz[], %(derived_to_times)s::timestamptz[])
)
INSERT INTO rollup_queue (station, from_time, to_time)
SELECT * FROM unnest(%(rolled_up_stations)s::text[], %(rolled_up_from_times)s::timestamptz[], %(rolled_up_to_times)s::timestamptz[])

-- name: add_rungs
INSERT INTO ingest_ladder (generation, at_offset, window_hash)
SELECT %(generation)s, at_offset, window_hash
FROM unnest(%(offsets)s::bigint[], %(hashes)s::bytea[]) AS r (at_offset, window_hash)

-- name: add_gaps
INSERT INTO ingest_gaps (generation, path, from_offset, to_offset, reason)
VALUES (%(generation)s, %(path)s, %(from_offset)s, %(to_offset)s, %(reason)s)

-- The numbers of producers' lines. What was seen before is a repeat; more ranges than most_ranges are none.
-- name: add_runs
INSERT INTO ingest_runs AS r (generation, run_id, lines, seqs, repeated, irregular)
SELECT generation, run_id, lines, seqs::int8multirange, repeated::int8multirange, irregular
FROM unnest(%(generations)s::bigint[], %(run_ids)s::text[], %(lines)s::bigint[], %(seqs)s::text[],
    %(repeated)s::text[], %(irregular)s::boolean[]) AS n (generation, run_id, lines, seqs, repeated, irregular)
ON CONFLICT (generation, run_id) DO UPDATE SET (lines, seqs, repeated, irregular) = (
    SELECT r.lines + excluded.lines,
           CASE WHEN irregular THEN int8multirange(range_merge(seen)) ELSE seen END,
           CASE WHEN irregular THEN '{}' ELSE again END,
           irregular
    FROM (SELECT seen, again,
                 r.irregular OR excluded.irregular
                 OR (SELECT count(*) FROM unnest(seen)) > %(most_ranges)s
                 OR (SELECT count(*) FROM unnest(again)) > %(most_ranges)s AS irregular
          FROM (SELECT r.seqs + excluded.seqs AS seen,
                       r.repeated + excluded.repeated + r.seqs * excluded.seqs AS again) both_seen) told
)

-- A copy was found that goes on behind the offset: what it has is not lost. Its length is not known of an archive.
-- name: heal_gaps
DELETE FROM ingest_gaps g USING ingest_files f
WHERE g.generation = %(generation)s AND f.generation = g.generation AND g.from_offset >= f.committed_offset
  AND g.reason IN ('truncated', 'rewritten', 'deleted')
  AND (%(size_bytes)s::bigint IS NULL OR g.to_offset <= %(size_bytes)s)

-- name: shrink_gaps
UPDATE ingest_gaps g SET from_offset = %(size_bytes)s FROM ingest_files f
WHERE g.generation = %(generation)s AND f.generation = g.generation AND g.from_offset >= f.committed_offset
  AND g.reason IN ('truncated', 'rewritten', 'deleted')
  AND g.from_offset < %(size_bytes)s AND g.to_offset > %(size_bytes)s

-- name: ladder
SELECT at_offset, window_hash FROM ingest_ladder WHERE generation = %(generation)s

-- name: unfinished
SELECT generation, device, inode, birth_ns, path, family, boot_id, head_length, head_hash, proof_length, proof_hash,
       committed_offset, size_bytes, version, state, compression, owner, owner_epoch, parser, parser_version,
       coalesce(parser_state, '{}'::jsonb), held
FROM ingest_files f
WHERE machine = %(machine)s AND (state IN ('active', 'suspended') OR held > 0)
  AND (owner = %(instance)s
       OR NOT EXISTS (SELECT FROM ingest_instances o WHERE o.instance = f.owner AND o.stopped_at IS NULL
                      AND o.heartbeat_at > now() - make_interval(secs => %(live_seconds)s)))

-- name: replace
UPDATE ingest_files SET state = 'replaced', finished_at = now(), version = version + 1, updated_at = now()
WHERE generation = %(generation)s AND version = %(version)s AND owner = %(instance)s AND owner_epoch = %(epoch)s

-- name: ensure_partition
SELECT ensure_metric_partition(%(at)s)

-- name: status
SELECT f.generation, f.path, f.state, f.parser, f.committed_offset, f.size_bytes, f.compression, f.lines, f.stored,
       f.folded, f.below_threshold, f.blank, f.duplicate, f.dead_letters, f.held, f.rows_stored, f.updated_at,
       f.last_error, f.owner
FROM ingest_files f WHERE f.machine = %(machine)s ORDER BY f.family, f.generation

-- name: instances
SELECT instance, pid, host, epoch, started_at, heartbeat_at, stopped_at, roots, health,
       stopped_at IS NULL AND heartbeat_at > now() - make_interval(secs => %(live_seconds)s) AS live
FROM ingest_instances WHERE machine = %(machine)s ORDER BY started_at DESC LIMIT 20

-- name: queue_length
SELECT count(*) FROM derive_queue
