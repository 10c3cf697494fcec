"""`nn.Module`s, one file per network. They know nothing of files, losses or training."""
