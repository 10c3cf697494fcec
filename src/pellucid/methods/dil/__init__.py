"""DIL: Distortion-Invariant representation Learning, as strategies for any network and any objective.

What is trained is the plain network, and restoring costs nothing more. Every domain (a degradation, a degree of it, a
data set) is taken for a confounder: an intervention by a domain is one virtual step of gradient descent on its samples
alone, and the weights are moved so that what the virtual steps lead to restores all domains.

| paper | what | where |
|---|---|---|
| Eq. 1, 2 | mean over domains, the outer loss | a balanced batch (`data.balanced`) |
| Eq. 3 | virtual step `phi_i = theta - a grad L_i(theta)` | in `SecondOrder.gradient` |
| Eq. 4 | serial, `grad sum_i L(phi_i; Q) / n` | `second_order.SecondOrder`, `dil-ss` |
| Eq. 5 | parallel, `grad L(phi_mean; Q)` | `second_order.SecondOrder`, `dil-ps` |
| text, "sf" | serial, initial minus last weights | `first_order.FirstOrder`, a part per domain, `dil-sf` |
| text, "pf" | parallel, initial minus last weights | `first_order.FirstOrder`, mixed parts, `dil-pf` |
| counterfactuals | the same content under every domain | `data.same_content` |

Source:
    Li et al., "Learning Distortion Invariant Representation for Image Restoration from A Causality Perspective",
    CVPR 2023 (arXiv 2303.06859). Of the four, the authors released dil-sf for denoising alone; everything else is from
    the text, and says where it chooses.
"""
