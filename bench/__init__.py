"""Measures the service and its ceiling side by side: `python -m bench`."""
