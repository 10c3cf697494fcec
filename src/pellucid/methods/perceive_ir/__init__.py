"""Perceive-IR: one restorer that perceives what a picture shows and what is wrong with it.

| paper | what | where |
|---|---|---|
| network | Restormer's blocks; the decoder's are guided (ETB, PGCA) | `pellucid.networks.perceive_ir` |
| SGM | semantic vectors of a frozen encoder | `pellucid.networks.semantics` |
| CFE, PGM | code of the degradation; features modulated by both | `pellucid.networks.guidance`, for any network |
| stage 1 | prompts of three tiers, frozen joint encoders | `prompts`, `pellucid.networks.joint_encoders` |
| L_clip | how far from looking excellent | `prompts.quality_loss` |
| L_rec | mean absolute error | `pellucid.objectives.pixel` |
| L_cl | contrast between codes | `contrast.code_contrast` |
| L_dpl | difficulty-adaptive perceptual loss | `difficulty.difficulty_ratio` |

Source:
    Zhang et al., "Perceive-IR: Learning to Perceive Degradation Better for All-in-One Image Restoration", IEEE TIP 35
    (2026), arXiv 2408.15994. Where the paper and the authors' release of 2026 differ, the release is followed and the
    paper's figure is an option, or is named.
"""
