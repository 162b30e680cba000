"""Images as the codes of a first stage: encoded once, kept in the user's cache."""
