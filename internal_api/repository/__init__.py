"""The state, in SQLite: one function for each question, one module for each kind."""
