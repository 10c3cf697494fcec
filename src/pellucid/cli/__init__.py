"""Arguments to `app.<verb>`. No logic."""
