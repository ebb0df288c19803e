"""A stand-in for the internal API of GitLab Rails."""
