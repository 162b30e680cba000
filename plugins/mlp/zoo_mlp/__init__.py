"""Dense networks for Zoo: any sample shape, any depth."""
