"""BIGPrior: what was observed and what a prior made up are fused by a weight per pixel that everybody can see.

| paper | what | where |
|---|---|---|
| x_hat = (1 - phi) g^-1(y) + phi G | fusion by a weight | `fusion.fused_by_weight` |
| g^-1(y) | the data's own picture | `data_image` |
| phi(y; theta) | the weight, as released and bounded | `pellucid.networks.fusion_network` |
| its trunk | DnCNN | `pellucid.networks.dncnn` |
| squared error + rho (L1 norm of phi) | loss; penalty, released too | `objective.FusionObjective`, `weight_penalty` |
| z* = argmin L_G(f(G(z)), y) | inversion, of one code or several | `inversion.invert` |
| G(z*, a*) = G2(sum_n G1(z_n) a_n) | several codes mixed at a layer | `priors.contract.SplitGenerator` |
| the same for many pictures, kept | written once, read | `inversion_cache`, `pellucid.data.inversions` |
| other priors | one interface | `priors` |
| the released phi | the authors' weights | `released.released_network` |
| AuC | how near the colours are | `pellucid.evaluation.measures.area_under_ab_curve` |

Beyond the paper, the general form: a network tells how wrong the prior is, and the closed form follows from it.

| | what | where |
|---|---|---|
| K = T A' (A T A' + s^2)^-1, phi = diag(I - K A) | for any operator A | `pellucid.trust.fusion.fuse` |
| tau^2(p), T = diag(tau^2) | prior's expected error | `pellucid.networks.fusion_network.PriorErrorNetwork` |
| phi = s^2 / (s^2 + tau^2) | with the data's picture for an observation | `fusion.fused_by` |

A prior that has already seen the data, as an inversion's colours that got the observed luma, agrees with them wherever
they speak: the exact operator then gives the prior back. What remains is how far its colours go, and they are held
against the data's picture, which is taken for an observation with an error of its own.

Source:
    El Helou and Susstrunk, "BIGPrior: Towards Decoupling Learned Prior Hallucination and Data Fidelity in Image
    Restoration", IEEE TIP 31 (2022), arXiv 2011.01406. Where equation and release differ, both are named.
"""
