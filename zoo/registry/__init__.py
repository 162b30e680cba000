"""The registry of named releases, and loading one as networks."""
