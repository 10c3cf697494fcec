"""A map of trust for any restorer: how wrong its result may be, and how much of it is belief, pixel by pixel.

| what | where |
|---|---|
| scales of error `b_restored`, `b_degraded` of every pixel | `pellucid.networks.error_scales.ErrorScales` |
| how far they are from bounding nine of ten errors, by which they are learned | `objective.ErrorObjective` |
| the share of belief, `phi = 1 - (b_restored / b_degraded)^2` | `pellucid.trust.posterior_weight` |
| the bound `q b_restored` that holds with a stated confidence | `pellucid.trust.conformal` |
"""
