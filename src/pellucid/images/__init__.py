"""Pictures as tensors: files, metadata, colour, padding, tiling. Knows files, not networks."""
