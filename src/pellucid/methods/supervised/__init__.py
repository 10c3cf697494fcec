"""Plain supervised restoration: one network, one pixel loss, pairs made by degrading clean pictures.

| what | where |
|---|---|
| empirical risk, `min E[L(f(degraded), clean)]` | `empirical_risk.EmpiricalRisk` |
| Charbonnier or L1 loss | `pellucid.objectives.pixel` |
| cosine schedule with warm-up | `schedule.cosine_with_warm_up` |
| averaged weights | `averaging.AveragedWeights` |
"""
