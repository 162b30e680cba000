"""The Hub's client: pull, push, search and the cache. Everything goes through huggingface_hub."""
