"""Folders, archives, pairs and unpaired sets to batches; fingerprints of data sets."""
