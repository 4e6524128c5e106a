"""The report: figures gathered once, one frozen `Report` value, rendered as text, HTML and JSON."""
