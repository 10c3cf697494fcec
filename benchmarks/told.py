"""What is gained where somebody says what is wrong with a picture, and what is lost where that is not true.

    PELLUCID_DATA=... python benchmarks/told.py --output benchmarks/results/told

The default model as anybody calls it, which keeps what needs nothing or was not bettered; as `--always` calls it; and
told what is wrong (`--degradation`). Pairs of the test sets and, of training sets that what ships was not trained on
(its limits of what is dark and hazy were chosen on these), further haze and low light: RGB PSNR in dB (identical
pictures count as 100), how many pictures are below their input, and the share of values within the bound when told.
Then clean pictures (Kodak24) of which something untrue is told. Last the photographs of RealPhotos, by their folders,
without truth: to how many the default does what their folder says, and how much is changed, in levels of 255, by the
default and when told (more change is not yet a better picture), and NIQE, less of which is more natural. Nothing is
drawn by chance.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from pellucid.app.do_no_harm import judged_after, judged_before
from pellucid.data.shared_pictures import clean_pictures, load_pairs, open_set
from pellucid.data.sources import read_pixels
from pellucid.evaluation.measures import psnr, rounded_to_8_bits
from pellucid.evaluation.no_reference import niqe
from pellucid.evaluation.trust_measures import coverage
from pellucid.images.atomic import replacing
from pellucid.images.overview import views
from pellucid.methods.load import Model, load, told, with_trust
from pellucid.methods.perceiver import Perceiver, load_perceiver
from pellucid.methods.trusted import TrustedRestorer

PAIRS = {
    "SOTS_indoor10": "haze",
    "SOTS_train15": "haze",
    "LowLight_SICE24": "low-light",
    "LowLight_SICE122": "low-light",
    "Rain100L": "rain",
    "PolyU": "noise",
}
CLEAN = "Kodak24"
FOLDERS = {"haze": "haze", "lowlight": "low-light", "rain": "rain", "noise": "noise", "blur": "blur"}
"""Of RealPhotos, and what is wrong with the photographs in them."""

TELLABLE = tuple(FOLDERS.values())

Row = dict[str, float | None]


def as_called(model: Model, perceiver: Perceiver, image: Tensor) -> Tensor:
    """What `pellucid restore` gives."""
    seen = views(image)
    judged = judged_before(perceiver.perceive_views(seen), is_sure=model.restorer.is_sure(model.restorer.context(seen)))
    if judged.kept is not None or judged.before is None:
        return image
    restored = rounded_to_8_bits(model.restore(image).image)
    return image if judged_after(judged.before, perceiver.perceive_views(views(restored))).kept else restored


def pairs_of(name: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Degraded and clean, `(1, 3, H, W)` in [0, 1]."""
    if name == CLEAN:
        for _, pixels in clean_pictures(name):
            yield (clean := pixels[None].float() / 255), clean
        return
    for pair in load_pairs(name):
        degraded, clean = (pixels[None].float() / 255 for pixels in pair.load())
        yield degraded, clean


def compared(name: str, degradation: str, model: Model, perceiver: Perceiver, limit: int) -> Row:
    """Means over the pairs."""
    knowing = with_trust(told(model, [degradation]))
    rows = []
    for number, (degraded, clean) in enumerate(pairs_of(name)):
        if number == limit:
            break
        restoration = knowing.restore(degraded)
        always = rounded_to_8_bits(model.restore(degraded).image)
        results = degraded, as_called(model, perceiver, degraded), always, rounded_to_8_bits(restoration.image)
        held = coverage((restoration.image - clean).abs(), restoration.maps["error"]).item()
        rows.append((*(min(100.0, psnr(its, clean, color="rgb").item()) for its in results), held))
    found: Row = {"pictures": len(rows)}
    for place, column in enumerate(("input", "default", "always", "told")):
        found[column] = statistics.mean(row[place] for row in rows)
        if place:
            found[f"{column} below"] = sum(row[place] < row[0] - 0.05 for row in rows)
    return found | {"within": 100 * statistics.mean(row[4] for row in rows)}


def photographs(folder: str, degradation: str, model: Model, perceiver: Perceiver, limit: int) -> Row:
    """Of real photographs in one folder."""
    source = open_set("RealPhotos")
    names = [name for name in source.names if name.partition("/")[0] == folder][:limit]
    knowing, served, rows = told(model, [degradation]), 0, []
    for name in names:
        image = read_pixels(source, name)[None].float() / 255
        restored = as_called(model, perceiver, image)
        taken_for = model.restorer.taken_for(model.restorer.context(views(image))) or ""
        wanted = degradation.replace("-", " ")
        served += wanted in taken_for.split(", then ") and not torch.equal(restored, image)
        results = restored, rounded_to_8_bits(knowing.restore(image).image)
        rows.append([255 * (its - image).abs().mean().item() for its in results])
        rows[-1] += [niqe(its).item() for its in (image, *results)]
    means = [statistics.mean(its) for its in zip(*rows, strict=True)]
    columns = ("default", "told", "niqe", "niqe default", "niqe told")
    better = sum(row[4] < row[3] for row in rows)
    return {"photographs": len(names), "served": served, **dict(zip(columns, means, strict=True)), "better": better}


def table(found: dict[str, Row]) -> str:
    """Markdown."""
    lines = [
        "| pictures | told | | input dB | default dB | below input | always dB | below input | told dB | below input "
        "| within the bound when told % |",
        "|---" * 11 + "|",
    ]
    for key, row in found.items():
        if "input" in row:
            name, degradation = key.split(", ")
            shown = [_shown(row["pictures"], 0), _shown(row["input"])]
            for way in ("default", "always", "told"):
                shown += [_shown(row[way]), _shown(row[f"{way} below"], 0)]
            shown.append(_shown(row["within"], 1))
            lines.append(f"| {name} | {degradation} | " + " | ".join(shown) + " |")
    lines += [
        "",
        "| real photographs | told | | so by itself | changed by default | changed when told | NIQE | default | told "
        "| told better than default |",
        "|---" * 10 + "|",
    ]
    for key, row in found.items():
        if "served" in row:
            _, degradation = key.split(", ")
            shown = [_shown(row[name], digits) for name, digits in (("photographs", 0), ("served", 0))]
            shown += [_shown(row["default"], 1), _shown(row["told"], 1)]
            shown += [_shown(row[name]) for name in ("niqe", "niqe default", "niqe told")] + [_shown(row["better"], 0)]
            lines.append(f"| {key.split(', ')[0]} | {degradation} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def _shown(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=1000, help="pictures of each set")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    model, perceiver = load(device="cpu"), load_perceiver(device="cpu")
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "told.json"
    trust = with_trust(model).restorer
    assert isinstance(trust, TrustedRestorer)
    asked = {"model": model.weights_sha256, "perceiver": perceiver.weights_sha256, "trust": trust.weights_sha256}
    asked["limit"] = str(arguments.limit)
    before = json.loads(path.read_text()) if path.exists() else {}
    found: dict[str, Row] = before["found"] if before.get("asked") == asked else {}
    pairs = [*PAIRS.items(), *((CLEAN, degradation) for degradation in TELLABLE)]
    wanted = [(f"{name}, {degradation}", compared, name, degradation) for name, degradation in pairs]
    wanted += [(f"RealPhotos/{name}, {its}", photographs, name, its) for name, its in FOLDERS.items()]
    for key, measure, name, degradation in wanted:
        if key in found:
            continue
        found[key] = measure(name, degradation, model, perceiver, arguments.limit)
        print(key, {what: _shown(value) for what, value in found[key].items()}, flush=True)
        with replacing(path) as partial:
            partial.write_text(json.dumps({"asked": asked, "found": found}, indent=1) + "\n")
    (arguments.output / "told.md").write_text(table(found))


if __name__ == "__main__":
    main()
