"""Where a belief may come from: priors that guess at a picture from what was observed of it, one file each.

| prior | its guess | its spread |
|---|---|---|
| `principal_components` | closed form, for a linear generator (Tipping & Bishop 1999) | posterior variance |
| `inverted_generator` | the best of several inversions of a generator (mGANprior, PULSE, DGP) | over restarts |
| `deep_image_prior` | an untrained network fitted to the data (Ulyanov 2018) | of its running average |
| `plug_and_play` | a denoiser in half-quadratic splitting (DPIR) | none |
| `harmonic` | a hole filled without bends (Laplace) | none |
| `user_generator` | a generator, or samples of a pipeline, of yours | over samples |
"""
