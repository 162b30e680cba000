"""A small Hub: `zoo serve` runs it, and tests run the real huggingface_hub client against it.

It speaks the part of the Hub's protocol that pushing and pulling models needs. It has no pull requests, no git clone
and no xet; it is one process for a trusted network, checked against the huggingface_hub client.
"""
