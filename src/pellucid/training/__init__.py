"""The loop, checkpoints and the run folder. Knows recipes, not losses or optimisers."""
