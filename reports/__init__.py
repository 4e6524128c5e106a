"""The reading side: analytics, exports, reports. Never touches the ingest pipeline."""
