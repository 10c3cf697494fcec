"""NLCL: deraining learned from rainy pictures and clean ones of something else.

| paper | what | where |
|---|---|---|
| O = B + R | a picture is its background and its rain | `recipe.NLCLRecipe`, `restorer.mismatch` |
| G_B, G_R | two generators | `pellucid.networks.deraining_generator` |
| D | one discriminator, of backgrounds | `pellucid.networks.patch_discriminator` |
| H_loc, H_B, H_R | projection heads | `pellucid.networks.projection_heads` |
| L_adv | least squares | `objective.adversarial_loss`, `discriminator_loss` |
| L_Consistency | B + R against O | `objective.consistency_loss` |
| L_Sparsity | the rain is little | `objective.sparsity_loss` |
| L_LayerContra | background against rain | `contrast.layer_contrast` |
| L_LocContra | the same place before and after | `contrast.location_contrast`, `anchored_contrast` |
| non-local sampling | places that look alike, or least alike | `sampling.sample_places` |
| encoders | whose features are compared | `encoders` |

Source:
    Ye et al., "Unsupervised Deraining: Where Contrastive Learning Meets Self-similarity", CVPR 2022, arXiv 2203.11509.
    Written from its framework figure and from facts about the released code; where both differ there are two presets.
"""
