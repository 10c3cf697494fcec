"""Plain supervised restoration: one network, one pixel loss, pairs made by degrading clean pictures."""
