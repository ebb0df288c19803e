"""The state, in SQLite: one method, one question, one SQL statement."""
