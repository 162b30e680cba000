"""The Hub from this side: pull, push, search, and what is in its cache. Everything goes through huggingface_hub."""
