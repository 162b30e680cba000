"""Which releases have names, and how a name becomes networks."""
