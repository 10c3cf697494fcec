"""Plain supervised training: one network, one loss, pairs made by degrading clean pictures.

| what | where |
|---|---|
| empirical risk, `min E[L(f(degraded), clean)]` | `empirical_risk.EmpiricalRisk` |
| Charbonnier, L1 or log-squared-error loss | `pellucid.objectives.pixel` |
| cross-entropy, for the network that tells degradations apart | `pellucid.objectives.classification` |
| cosine schedule with warm-up | `pellucid.methods.schedule.cosine_with_warm_up` |
| averaged weights | `pellucid.methods.averaging.AveragedWeights` |
"""
