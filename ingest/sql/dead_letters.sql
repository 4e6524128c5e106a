-- Dead letters: looking at them, replaying them, going on with suspended files. Parameters are psycopg2's, by name.

-- name: last_id
SELECT coalesce(max(id), 0) FROM dead_letters

-- name: list
SELECT id, path, from_offset, to_offset, reason, detail, line, parser, parser_version, arrived_at, replayed_at
FROM dead_letters
WHERE (%(reason)s::text IS NULL OR reason = %(reason)s) AND (%(path)s::text IS NULL OR path LIKE %(path)s)
  AND (%(with_replayed)s OR replayed_at IS NULL)
ORDER BY id DESC LIMIT %(limit)s

-- Letters with what is known of their files. `keys`: hashes of the stream keys that the file's parser remembers.
-- name: letters
SELECT d.id, d.generation, d.from_offset, d.to_offset, d.path, d.reason, d.detail, d.line, d.raw_sha256, d.parser,
       d.parser_version, d.arrived_at, d.replayed_at, f.machine, f.path, f.family, f.state, f.device, f.inode, f.birth_ns,
       f.head_length, f.head_hash, f.proof_length, f.proof_hash, f.committed_offset, i.host,
       coalesce(f.parser_state -> 'parser' -> 'keys', '[]'::jsonb)
FROM dead_letters d
LEFT JOIN ingest_files f ON f.generation = d.generation
LEFT JOIN ingest_instances i ON i.instance = f.owner
WHERE d.id > %(after_id)s AND d.id <= %(last_id)s AND (%(ids)s::bigint[] IS NULL OR d.id = ANY(%(ids)s))
  AND (%(reason)s::text IS NULL OR d.reason = %(reason)s) AND (%(path)s::text IS NULL OR d.path LIKE %(path)s)
  AND (%(with_replayed)s OR d.replayed_at IS NULL)
ORDER BY d.id LIMIT %(limit)s

-- name: known_ids
SELECT id, replayed_at IS NOT NULL FROM dead_letters WHERE id = ANY(%(ids)s)

-- The compare-and-set of a replay: what another replay holds is left to it, what it has done is not found.
-- name: lock_letters
SELECT id FROM dead_letters WHERE id = ANY(%(ids)s) AND replayed_at IS NULL ORDER BY id FOR UPDATE SKIP LOCKED

-- In the order in which commits take them, so that nobody waits in a circle. Offset and version stay as they are.
-- name: lock_files
SELECT generation FROM ingest_files WHERE generation = ANY(%(generations)s) ORDER BY generation FOR NO KEY UPDATE

-- name: mark_replayed
UPDATE dead_letters SET replayed_at = now() WHERE id = ANY(%(ids)s)

-- name: still_dead
UPDATE dead_letters SET reason = %(reason)s, detail = %(detail)s, parser = %(parser)s, parser_version = %(parser_version)s,
       line = coalesce(%(line)s, line), raw_sha256 = coalesce(%(raw_sha256)s, raw_sha256),
       to_offset = %(to_offset)s
WHERE id = %(id)s

-- name: move_counters
UPDATE ingest_files SET dead_letters = dead_letters - %(letters)s, stored = stored + %(stored)s,
       folded = folded + %(folded)s, below_threshold = below_threshold + %(below_threshold)s, blank = blank + %(blank)s,
       duplicate = duplicate + %(duplicate)s, rows_stored = rows_stored + %(rows)s
WHERE generation = %(generation)s

-- name: suspended
SELECT generation, path, committed_offset, size_bytes, version, compression, device, inode, birth_ns, head_length, head_hash,
       proof_length, proof_hash, last_error
FROM ingest_files
WHERE machine = %(machine)s AND state = 'suspended'
  AND (%(path)s::text IS NULL OR path = %(path)s) AND (%(generation)s::bigint IS NULL OR generation = %(generation)s)
ORDER BY path, generation

-- The version moves: whoever still has the file in memory reads its checkpoint again.
-- name: release
UPDATE ingest_files SET state = 'active', version = version + 1, committed_offset = %(to_offset)s,
       head_length = %(head_length)s, head_hash = %(head_hash)s, proof_length = %(proof_length)s,
       proof_hash = %(proof_hash)s, last_error = NULL, updated_at = now()
WHERE generation = %(generation)s AND state = 'suspended' AND version = %(version)s
