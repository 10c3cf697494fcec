"""Safe load and save of weights, model cards, and the bundled default model."""
