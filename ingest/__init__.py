"""The daemon: tails log files into PostgreSQL, every line exactly once."""
