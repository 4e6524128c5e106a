"""The analytics by topic; `reports.analytics.Analytics` puts them together."""
