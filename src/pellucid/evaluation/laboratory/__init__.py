"""The unseen-degradation laboratory: trained on x tested on.

| what | where |
|---|---|
| conditions, and what each is to a model by what it was trained on | `conditions` |
| what every subject reached under every condition | `matrix` |
| how sure a difference is | `bootstrap` |
| the matrix to be read and to be looked at | `tables`, `figures` |
"""
