"""Make the example photographs: held-out pictures that are free to show, each degraded in its own way.

    PELLUCID_DATA=... python scripts/make_examples.py

None of them is trained on: they are the validation pictures of `recipes/default.yaml`.
"""

from pathlib import Path

import pyvips
import torch

from pellucid.data.shared_pictures import open_set
from pellucid.degradations.blur import DefocusBlur
from pellucid.degradations.contract import Degradation
from pellucid.degradations.haze import Haze
from pellucid.degradations.jpeg import Jpeg
from pellucid.degradations.low_light import LowLight
from pellucid.degradations.mixing import apply_chains
from pellucid.degradations.noise import GaussianNoise, SensorNoise
from pellucid.degradations.rain import Rain
from pellucid.images.decode import decode_pixels

EXAMPLES: dict[str, tuple[str, tuple[Degradation, ...]]] = {
    "noisy.png": ("budgie_039", (GaussianNoise(30 / 255, round_to_8_bits=True),)),
    "grainy.jpg": ("mei_135", (SensorNoise(gain=0.008, read_noise=0.02, correlation=0.6), Jpeg(85.0))),
    "rainy.jpg": ("mei_095", (Rain(length=24.0, angle=0.25, width=1.4, density=0.12, intensity=0.4, layers=2),)),
    "hazy.jpg": ("budgie_019", (Haze(beta=1.3, airlight=0.9),)),
    "blurred.jpg": ("mei_055", (DefocusBlur(2.0),)),
    "compressed.jpg": ("budgie_059", (Jpeg(12.0),)),
    "dark.jpg": ("mei_075", (LowLight(exposure=0.4, gamma=1.8, photon_gain=0.0006, read_noise=0.004),)),
}


def main() -> None:
    source = open_set("HQPhotos400-free")
    folder = Path(__file__).parents[1] / "examples"
    folder.mkdir(exist_ok=True)
    for number, (name, (picture, chain)) in enumerate(EXAMPLES.items()):
        clean = decode_pixels(source.read(f"{picture}.jpg"), picture)[None].float() / 255
        degraded = apply_chains(clean, [chain], torch.Generator().manual_seed(number))
        pixels = (degraded[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
        image = pyvips.Image.new_from_array(pixels, interpretation="srgb")
        settings = {"Q": 95} if name.endswith("jpg") and chain[-1].name != "jpeg" else {}
        if name.endswith("jpg") and chain[-1].name == "jpeg":
            # Saved once at its own quality: the pixels before compression, compressed as the parameters say.
            before = apply_chains(clean, [chain[:-1]], torch.Generator().manual_seed(number))
            pixels = (before[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
            image = pyvips.Image.new_from_array(pixels, interpretation="srgb")
            settings = {"Q": int(chain[-1].quality)}
        image.write_to_file(str(folder / name), **settings)


if __name__ == "__main__":
    main()
