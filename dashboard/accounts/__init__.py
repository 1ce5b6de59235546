"""Who asks, and whether they may: log-in, tokens, and the gate that every request goes through."""
