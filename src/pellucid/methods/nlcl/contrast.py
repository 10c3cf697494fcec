"""The contrastive losses: what belongs to the picture and what to the rain, and the same place before and after."""

import torch
from torch import Tensor
from torch.nn import functional as F

TEMPERATURE = 0.07


def layer_contrast(image: Tensor, rain: Tensor, temperature: float = TEMPERATURE, *, image_pull: float = 1.0) -> Tensor:
    """Vectors of the picture are to be like one another and unlike those of the rain, and the other way round.

        1/N sum_i w_i [-1/|P(i)| sum_(p in P(i)) log( exp(z_i.z_p / t) / sum_(a != i) exp(z_i.z_a / t) )]

    over all N vectors, P(i) being the others of the same layer.

    Args:
        image: unit vectors, `(B, n, D)`.
        rain: unit vectors, `(B, m, D)`.
        temperature: t.
        image_pull: w of the picture's vectors; that of the rain's is 1.

    Returns:
        The mean over the batch. With vectors that are all alike, and w = 1, it is log(N - 1).

    Source:
        NLCL (CVPR 2022), as released: supervised contrast of two classes (Khosla et al., NeurIPS 2020). Differs: the
        released loss sums over a batch, which was 1. `image_pull` is our reading of the asymmetric successor (Chang et
        al., TPAMI 2024, whose formula is not at hand): patches of pictures are less alike than those of rain, and
        pulled together less.
    """
    vectors = torch.cat([image, rain], dim=1).float()
    count, images = vectors.shape[1], image.shape[1]
    alike = vectors @ vectors.transpose(1, 2) / temperature
    itself = torch.eye(count, dtype=torch.bool, device=vectors.device)
    log_share = alike - torch.logsumexp(alike.masked_fill(itself, -torch.inf), dim=2, keepdim=True)
    is_rain = torch.arange(count, device=vectors.device) >= images
    positive = (is_rain[:, None] == is_rain[None]) & ~itself
    anchors = -(log_share * positive).sum(dim=2) / positive.sum(dim=1).clamp_min(1)
    weight = torch.where(is_rain, 1.0, image_pull)
    return (anchors * weight).mean()


def location_contrast(made: Tensor, observed: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """The vector of a place in what was made is to be like that of the same place in what was observed.

    Every place is asked; the others of the same picture are the negatives:

        mean over places i of -log( exp(q_i.k_i / t) / sum_j exp(q_i.k_j / t) )

    Args:
        made: unit vectors, `(B, N, D)`.
        observed: likewise; no gradient flows to them.
        temperature: t.

    Returns:
        The mean. With vectors that are all alike it is log N.

    Source:
        PatchNCE (CUT, ECCV 2020).
    """
    alike = made.float() @ observed.detach().float().transpose(1, 2) / temperature
    places = torch.arange(alike.shape[1], device=alike.device).expand(len(alike), -1)
    return F.cross_entropy(alike.flatten(0, 1), places.flatten())


def anchored_contrast(made: Tensor, observed: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """The same for the first place alone, whose negatives are the other places.

        -log( exp(q_0.k_0 / t) / sum_j exp(q_0.k_j / t) )

    Source:
        NLCL's figure: places that look least like the asked one are its negatives. Differs: that code is not released.
    """
    alike = (made[:, :1].float() * observed.detach().float()).sum(dim=2) / temperature
    return F.cross_entropy(alike, torch.zeros(len(alike), dtype=torch.long, device=alike.device))
