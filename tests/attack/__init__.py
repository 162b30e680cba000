"""Seeded hostile input for every door of the program, and the judge of what it does with it: see `docs/security.md`."""
