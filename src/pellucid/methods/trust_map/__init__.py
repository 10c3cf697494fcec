"""A map of trust for any restorer: how wrong its result may be, and how much of it is belief, pixel by pixel.

| what | where |
|---|---|
| expected errors `b_restored`, `b_degraded` of every pixel | `pellucid.networks.error_scales.ErrorScales` |
| their likelihood, by which they are learned | `objective.ErrorObjective` |
| the share of belief, `phi = 1 - (b_restored / b_degraded)^2` | `pellucid.trust.fusion.posterior_prior_weight` |
| the bound `q b_restored` that holds with a stated confidence | `pellucid.trust.conformal` |
"""
