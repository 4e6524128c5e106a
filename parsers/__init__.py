"""Bytes to events. Pure: no file, no clock, no database; a bad line is a value (`Rejected`), never an exception."""
