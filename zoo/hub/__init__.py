"""A small Hub of the project's own: what `zoo serve` runs, and what the tests point the real client at.

It speaks the part of the Hub's protocol that pushing and pulling models needs. It has no pull requests, no git clone
and no xet; it is one process for a trusted network, checked against the huggingface_hub client.
"""
