-- Questions about the schema itself. Names are looked up along the search path, as everywhere else.

-- name: has_version_table
SELECT to_regclass('schema_version') IS NOT NULL

-- name: version
SELECT max(version) FROM schema_version

-- name: columns
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relnamespace = current_schema()::regnamespace
ORDER BY c.relname, a.attnum
