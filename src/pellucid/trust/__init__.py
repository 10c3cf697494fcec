"""How much of a restored pixel is evidence and how much is belief, and how wrong it may be.

fusion              prior and data fused by how wrong each is, for any linear operator of `operators`
posterior_weight    the share of belief in what a restorer made of the data
error_bound         the calibrated bound on its error, by the risk control of `conformal`
drawing             a map of trust as a picture
"""
