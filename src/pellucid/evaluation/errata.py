"""Known contradictions in the published record, for whoever sets figures side by side."""

ERRATA: tuple[str, ...] = (
    "A survey swaps the haze and rain columns of InstructIR-5D (prints 36.84 / 27.10; the authors have 27.10 / 36.84).",
    "The survey's five-task row of Art_PromptIR is shuffled (Rain100L 22.09); left out of our tables.",
    "Perceive-IR circulates as 32.56 (preprint) and 32.63 (final) on three tasks; 30.11/.905 on five is VLU-Net's.",
    "NAFNet at sigma 15, three tasks, is 33.03 in one place and 33.18 in another.",
    "Restormer's SSIM at sigma 15, three tasks, repeats its value at 25 (.865), surely a slip; left out of our tables.",
    "Several Restormers exist on Rain100L (33.78, 34.81 all-in-one; 36.74, 38.99, 39.10, 39.60 alone): always name the "
    "training set and the channel.",
    "PromptIR's published weights give 37.44 on Rain100L where its tables have 36.37.",
    "Restormer at sigma 15, 25, 50 (34.03, 31.49, 28.11) is all-in-one in one survey and for one task in another; left "
    "out of our tables.",
    "MMagic gets 34.35 dB from Restormer's weights on CBSD68 at sigma 15 where the paper has 34.40 (unverified).",
    "BM3D on Kodak24 at sigma 25 (32.15) is above DnCNN and FFDNet, unlike at 15 and 50: perhaps a misprint.",
    "DIL, Table 3 prints one pair of figures in two cells (26.19/.766); Table 6 has 30.28 where Table 1 has 30.29.",
)
"""One sentence each."""
