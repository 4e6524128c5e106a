"""The long fault campaign with real processes: `make soak`, and its seeded bugs: `make mutants` (docs/testing.md)."""
