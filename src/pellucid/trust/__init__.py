"""How much of a restored pixel is evidence and how much is belief (filled by BIGPrior)."""
