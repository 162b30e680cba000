"""Real images: opening, preparing, splitting and batching them."""
