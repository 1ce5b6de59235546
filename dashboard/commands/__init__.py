"""What the commands of `residua` do; dashboard.cli declares them."""
