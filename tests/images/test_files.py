"""What is read and written, what is refused, and what is said about it."""

import io
import logging
import os
import struct

import cv2
import numpy as np
import pytest
import pyvips
import tifffile
import torch
from PIL import Image, ImageCms
from sample_pictures import XMP, Extras, Kind, encoded, names, pixels, png_bytes

from pellucid.errors import ImageError
from pellucid.images.files import (
    read_image,
    read_image_bytes,
    read_picture,
    writable_suffix,
    write_image,
    write_picture,
)


def as_array(image: torch.Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).numpy()


def pil_bytes(image: Image.Image, name: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def rewritten(folder, data: bytes, suffix: str, source_suffix: str | None = None) -> bytes:
    source, target = folder / f"source{source_suffix or suffix}", folder / f"target{suffix}"
    source.write_bytes(data)
    picture = read_picture(source)
    write_picture(target, picture, picture.read())
    return target.read_bytes()


def colours(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(pixels(Kind("png"))).convert(mode)


# --- the simple functions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".avif"])
def test_plain_pictures_are_written_and_read(tmp_path, suffix):
    image = torch.from_numpy(pixels(Kind("png"))).permute(2, 0, 1)[None] / 255
    write_image(tmp_path / f"a{suffix}", image)
    back = read_image(tmp_path / f"a{suffix}")
    assert back.shape == image.shape
    assert back.dtype == torch.float32
    assert back.is_contiguous()
    torch.testing.assert_close(back, image, atol=1e-7 if suffix in (".png", ".tif") else 0.08, rtol=0)
    independent = np.asarray(Image.open(tmp_path / f"a{suffix}")) / np.float32(255)
    np.testing.assert_allclose(as_array(back), independent, atol=1e-7 if suffix != ".avif" else 0.01)
    assert names(tmp_path) == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_written_when_asked_for(tmp_path, suffix):
    image = torch.rand(1, 3, 9, 7)
    write_image(tmp_path / f"a{suffix}", image, depth=16)
    torch.testing.assert_close(read_image(tmp_path / f"a{suffix}"), image, atol=0.51 / 65535, rtol=0)


def test_values_are_clamped_and_rounded_half_to_even(tmp_path):
    levels = torch.tensor([-3.0, 0.5, 1.5, 2.5, 254.5, 255.4, 300.0]).double() / 255
    write_image(tmp_path / "a.png", levels.view(1, 1, 1, 7).expand(1, 3, 1, 7))
    assert np.asarray(Image.open(tmp_path / "a.png"))[0, :, 0].tolist() == [0, 0, 2, 2, 254, 255, 255]


def test_wrong_requests_are_one_sentence(tmp_path):
    image = torch.zeros(1, 3, 4, 4)
    for path, picture, options, word in [
        ("a.bmp", image, {}, "ending in"),
        ("a", image, {}, "ending in"),
        ("a.jpg", image, {"depth": 16}, "depth"),
        ("a.png", image.expand(2, 3, 4, 4), {}, "one image"),
        ("a.png", image[:, :1], {}, "shape"),
        ("no/folder/a.png", image, {}, "no such file or directory"),
        (".", image, {}, "ending in"),
    ]:
        with pytest.raises(ImageError, match=word):
            write_image(tmp_path / path, picture, **options)
    (tmp_path / "b.png").mkdir()
    with pytest.raises(ImageError, match="is a folder"):
        write_image(tmp_path / "b.png", image)
    assert names(tmp_path) == ["b.png"]


def test_bytes_are_read_as_files_are():
    data = encoded(Kind("jpeg"), pixels(Kind("jpeg")), Extras.full(6))
    image = read_image_bytes(data, "photo")
    assert image.shape == (1, 3, 34, 21)
    with pytest.raises(ImageError, match="photo"):
        read_image_bytes(data[:500], "photo")


# --- other kinds of pixels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_becomes_8_bits(tmp_path, caplog, bits):
    caplog.set_level(logging.INFO)
    indices = np.random.default_rng(0).integers(0, 1 << bits, (13, 21), np.uint8)
    result = rewritten(tmp_path, png_bytes(indices, colour=0, bits=bits, chunks=[(b"bKGD", b"\0\1")]), ".png")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(result))), indices * (255 // ((1 << bits) - 1)))
    assert f"{bits}-bit grey becomes 8-bit grey" in caplog.text
    assert "bKGD" in caplog.text


@pytest.mark.parametrize("has_opacity", [False, True])
def test_palettes_become_full_colour(tmp_path, caplog, has_opacity):
    caplog.set_level(logging.INFO)
    image = colours().quantize(50)
    options = {"transparency": bytes(range(0, 250, 5))} if has_opacity else {}
    data = pil_bytes(image, "PNG", **options)
    result = Image.open(io.BytesIO(rewritten(tmp_path, data, ".png")))
    mode = "RGBA" if has_opacity else "RGB"
    assert result.mode == mode
    np.testing.assert_array_equal(np.asarray(result), np.asarray(Image.open(io.BytesIO(data)).convert(mode)))
    assert "the palette becomes full colour" in caplog.text


def test_a_transparent_colour_becomes_opacity(tmp_path):
    image = pixels(Kind("png"))
    data = png_bytes(image, colour=2, bits=8, chunks=[(b"tRNS", image[3, 4].astype(">u2").tobytes())])
    result = np.asarray(Image.open(io.BytesIO(rewritten(tmp_path, data, ".png"))))
    np.testing.assert_array_equal(result[..., :3], image)
    np.testing.assert_array_equal(result[..., 3] == 0, (image == image[3, 4]).all(-1))


def test_interlaced_pngs_stay_interlaced(tmp_path):
    image = pixels(Kind("png"))
    data = pyvips.Image.new_from_array(image).pngsave_buffer(interlace=True)
    result = rewritten(tmp_path, data, ".png")
    assert result[28] == 1
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(result))), image)


def test_cmyk_is_converted_and_said_so(tmp_path, caplog):
    data = pil_bytes(colours("CMYK"), "JPEG", quality=95, icc_profile=None, dpi=(200, 200))
    result = Image.open(io.BytesIO(rewritten(tmp_path, data, ".jpg")))
    assert result.mode == "RGB"
    assert result.info["dpi"] == (200, 200)
    assert "CMYK is converted to sRGB" in caplog.text
    picture = read_picture(tmp_path / "source.jpg")
    assert picture.channels == "rgb"
    # Inks are darker and duller than light, but the picture is the same.
    reference = np.asarray(colours(), float).reshape(-1)
    assert np.corrcoef(as_array(picture.read()).reshape(-1), reference)[0, 1] > 0.95


@pytest.mark.parametrize("has_opacity", [False, True])
def test_cmyk_of_16_bits_is_converted_as_that_of_8_is(tmp_path, has_opacity):
    inks = np.asarray(colours("CMYK"))
    stored = np.dstack([inks, np.full(inks.shape[:2], 200, np.uint8)]) if has_opacity else inks
    file = io.BytesIO()
    options = {"extrasamples": ["unassalpha"]} if has_opacity else {}
    tifffile.imwrite(file, stored.astype(np.uint16) * 257, photometric="separated", metadata=None, **options)
    result = tifffile.imread(io.BytesIO(rewritten(tmp_path, file.getvalue(), ".tif")))
    assert result.dtype == np.uint16
    # The profile is the one that libvips brings; the arithmetic is Pillow's.
    profile = ImageCms.ImageCmsProfile(io.BytesIO(bytes(pyvips.Operation.call("profile_load", "cmyk"))))
    expected = ImageCms.profileToProfile(
        colours("CMYK"), profile, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB"
    )
    np.testing.assert_allclose(result[..., :3] / 257, np.asarray(expected, float), atol=2)
    if has_opacity:
        np.testing.assert_array_equal(result[..., 3], 200 * 257)


@pytest.mark.parametrize("depth", [8, 16, 32])
@pytest.mark.parametrize("channels", [2, 4])
def test_premultiplied_colours_are_kept_to_the_bit_and_restored_straight(tmp_path, channels, depth):
    straight = pixels(Kind("tiff", channels, depth)).astype(np.float64)
    peak = {8: 255, 16: 65535, 32: 1}[depth]
    stored = straight * np.concatenate([straight[..., -1:] / peak] * (channels - 1) + [np.ones((21, 34, 1))], -1)
    stored = stored.astype(np.float32) if depth == 32 else np.rint(stored).astype(np.uint8 if depth == 8 else np.uint16)
    file = io.BytesIO()
    photometric = "rgb" if channels == 4 else "minisblack"
    tifffile.imwrite(file, stored, photometric=photometric, extrasamples=["assocalpha"])
    result = rewritten(tmp_path, file.getvalue(), ".tif")
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(result)), stored)
    with tifffile.TiffFile(io.BytesIO(result)) as parsed:
        assert parsed.pages[0].extrasamples == (1,)
    for in_memory_bytes in (0, 1 << 30):
        picture = read_picture(tmp_path / "source.tif", in_memory_bytes=in_memory_bytes, scratch=tmp_path)
        opaque = straight[..., -1] > 0.5 * peak
        read = as_array(picture.read())[..., : channels - 1]
        np.testing.assert_allclose(read[opaque], straight[opaque][..., :-1] / peak, atol=1.1 / min(peak, 65535) + 1e-6)
        picture.close()
    assert names(tmp_path) == ["source.tif", "target.tif"]


def test_a_channel_of_unknown_meaning_goes_through_but_hides_nothing(tmp_path):
    image = pixels(Kind("tiff", 4))
    file = io.BytesIO()
    tifffile.imwrite(file, image, photometric="rgb", extrasamples=["unspecified"])
    (tmp_path / "a.tif").write_bytes(file.getvalue())
    picture = read_picture(tmp_path / "a.tif")
    assert not picture.has_alpha
    np.testing.assert_array_equal(np.rint(as_array(picture.read()) * 255), image[..., :3])
    write_picture(tmp_path / "b.tif", picture, torch.zeros(1, 3, 21, 34))
    result = tifffile.imread(tmp_path / "b.tif")
    assert (result[..., :3] == 0).all()
    np.testing.assert_array_equal(result[..., 3], image[..., 3])
    with tifffile.TiffFile(tmp_path / "b.tif") as parsed:
        assert parsed.pages[0].extrasamples == (0,)


def test_floats_beyond_one_survive_and_are_scaled_by_a_power_of_two(tmp_path):
    image = (np.random.default_rng(0).random((20, 30, 3)).astype(np.float32) * 300 - 20).astype(np.float32)
    image[3, 4] = np.nan
    image[5, 6, 1] = np.inf
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb")
    picture = read_picture(tmp_path / "a.tif")
    read = picture.read()
    assert picture.samples.peak == 512
    assert read.isfinite().all()
    assert read.min() < 0
    seen = np.isfinite(image).all(-1)
    np.testing.assert_array_equal(as_array(read)[seen], image[seen] / 512)
    write_picture(tmp_path / "b.tif", picture, read)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), image)


@pytest.mark.parametrize(
    ("highest", "scale", "white"),
    [
        (1.0, 1.0, 1.0),
        (1.01, 1.0, 1.0),  # a little overshoot
        (60.0, 1.0, 1.0),  # the sun in a picture of otherwise 0 to 1
        (255.0, 255.0, 255.0),
        (258.0, 255.0, 255.0),  # integers after resampling
        (65535.0, 65535.0, 65535.0),
    ],
)
def test_white_of_floats_is_white_in_integers(tmp_path, caplog, highest, scale, white):
    image = (pixels(Kind("png")).astype(np.float32) / 255 * np.float32(scale)).astype(np.float32)
    image[3, 4], image[5, 6] = highest, 0
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb")
    picture = read_picture(tmp_path / "a.tif")
    for suffix in (".png", ".jpg"):
        write_picture(tmp_path / f"b{suffix}", picture, picture.read(), quality=100)
    expected = np.clip(image / white, 0, 1)
    written = cv2.imread(str(tmp_path / "b.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_allclose(written, np.rint(expected * 65535), atol=1)
    shown = np.asarray(Image.open(tmp_path / "b.jpg"), float)
    assert np.abs(shown - expected * 255).mean() < 2
    assert ("highlights brighter than white" in caplog.text) == (highest > white)


def test_dark_floats_are_not_brightened(tmp_path):
    image = np.full((8, 8, 3), 0.01, np.float32)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb")
    np.testing.assert_array_equal(as_array(read_image(tmp_path / "a.tif")), image)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "tiff_lzw"},
        {"compression": "tiff_adobe_deflate"},
        {"compression": "packbits"},
        {"compression": "jpeg", "quality": 97},
    ],
)
def test_tiff_compression_is_kept(tmp_path, options):
    data = pil_bytes(colours(), "TIFF", **options)
    result = rewritten(tmp_path, data, ".tif")
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(result))
    assert after.info["compression"] == before.info["compression"]
    limit = 8 if options["compression"] == "jpeg" else 0
    np.testing.assert_allclose(np.asarray(after, float), np.asarray(before, float), atol=limit)


@pytest.mark.parametrize(
    "options",
    [
        {"bigtiff": True, "byteorder": ">"},
        {"tile": (16, 32)},
        {"compression": "zlib", "predictor": True},
        {"planarconfig": "separate"},
        {"rowsperstrip": 3},
        {"photometric": "miniswhite"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_tiff_layouts(tmp_path, options):
    channels = 1 if "photometric" in options else 3
    image = pixels(Kind("tiff", channels), 40, 50)
    stored = np.moveaxis(image, -1, 0) if "planarconfig" in options else image[..., 0] if channels == 1 else image
    file = io.BytesIO()
    tifffile.imwrite(file, stored, **({"photometric": "rgb"} | options))
    result = rewritten(tmp_path, file.getvalue(), ".tif")
    with tifffile.TiffFile(io.BytesIO(result)) as parsed:
        shown = parsed.pages[0].asarray()
        assert parsed.is_bigtiff == options.get("bigtiff", False)
        if "tile" in options:
            assert (parsed.pages[0].tilelength, parsed.pages[0].tilewidth) == (16, 32)
        assert int(parsed.pages[0].predictor) == (2 if "predictor" in options else 1)
    np.testing.assert_array_equal(shown, 255 - image[..., 0] if channels == 1 else image)


@pytest.mark.parametrize("depth", [10, 12])
def test_avif_of_more_bits_keeps_them(tmp_path, depth):
    image = pixels(Kind("avif", 3, depth))
    (tmp_path / "a.avif").write_bytes(encoded(Kind("avif", 3, depth), image, Extras()))
    picture = read_picture(tmp_path / "a.avif")
    assert picture.depth == depth
    np.testing.assert_allclose(as_array(picture.read()), image / ((1 << depth) - 1), atol=1e-6)
    write_picture(tmp_path / "b.avif", picture, picture.read())
    result = pyvips.Image.new_from_file(str(tmp_path / "b.avif"))
    assert result.get("bits-per-sample") == depth
    np.testing.assert_array_equal(result.numpy() >> (16 - depth), image)


def test_grey_avif_stays_grey(tmp_path):
    (tmp_path / "a.avif").write_bytes(pil_bytes(colours("L").convert("RGB"), "AVIF", subsampling="4:0:0", quality=95))
    picture = read_picture(tmp_path / "a.avif")
    assert picture.channels == "grey"
    write_picture(tmp_path / "b.avif", picture, torch.rand(1, 3, 21, 34, generator=torch.Generator().manual_seed(0)))
    result = np.asarray(Image.open(tmp_path / "b.avif").convert("RGB")).astype(int)
    assert np.abs(result - result[..., :1]).max() <= 2


@pytest.mark.parametrize(("name", "mode"), [("GIF", "RGB"), ("BMP", "RGB"), ("BMP", "L"), ("PPM", "RGB"), ("PPM", "L")])
def test_formats_that_are_only_read_go_on_as_png(tmp_path, caplog, name, mode):
    path = tmp_path / f"a.{name.lower()}"
    path.write_bytes(pil_bytes(colours(mode).quantize(64) if name == "GIF" else colours(mode), name))
    picture = read_picture(path)
    assert picture.channels == ("grey" if mode == "L" else "rgb")
    assert writable_suffix(picture) == ".png"
    assert "cannot be written; the result is .png" in caplog.text
    write_picture(tmp_path / "b.png", picture, picture.read())
    expected = np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert(mode))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png")), expected)
    assert "not kept" not in caplog.text
    with pytest.raises(ImageError, match="ending in"):
        write_picture(path.with_name(f"c{path.suffix}"), picture, picture.read())


def test_the_opacity_of_a_bitmap_is_named(tmp_path, caplog):
    image = pixels(Kind("png", 4))
    (tmp_path / "a.bmp").write_bytes(pil_bytes(Image.fromarray(image), "BMP"))
    result = rewritten(tmp_path, (tmp_path / "a.bmp").read_bytes(), ".png", ".bmp")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(result))), image[..., :3])
    assert "not kept in target.png: opacity" in caplog.text
    caplog.clear()
    image[..., 3] = 255
    rewritten(tmp_path, pil_bytes(Image.fromarray(image), "BMP"), ".png", ".bmp")
    assert "not kept" not in caplog.text


def test_what_a_gif_says_is_carried_or_named(tmp_path, caplog):
    comment = pil_bytes(colours().quantize(64), "GIF", comment=b"by hand")
    start = comment.index(b"\x21\xfe")
    trailer = bytes((1, *range(255, -1, -1), 0))
    data = comment[:start] + b"\x21\xff\x0bXMP DataXMP" + XMP + trailer + comment[start:]
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["comment"] == b"by hand"  # so it finds its way past the packet
    result = Image.open(io.BytesIO(rewritten(tmp_path, data, ".png", ".gif")))
    assert result.info["xmp"] == XMP
    assert "not kept in target.png: comment\n" in caplog.text


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG"), (13, None)])
@pytest.mark.parametrize("suffix", [".png", ".avif"])
def test_pictures_coded_for_hdr_are_warned_about(tmp_path, caplog, suffix, transfer, name):
    if suffix == ".png":
        data = png_bytes(pixels(Kind("png")), colour=2, bits=8, chunks=[(b"cICP", bytes((9, transfer, 0, 1)))])
    else:
        coded = bytearray(pil_bytes(colours(), "AVIF"))
        place = coded.index(b"nclx") + 4
        coded[place : place + 4] = struct.pack(">HH", 9, transfer)
        data = bytes(coded)
    (tmp_path / f"a{suffix}").write_bytes(data)
    read_picture(tmp_path / f"a{suffix}")
    assert (f"coded for HDR ({name})" in caplog.text) == (name is not None)


def test_wide_gamut_colours_survive(tmp_path):
    """Numbers stay numbers in the file's own primaries: what is saturated green in P3 is so afterwards."""
    profile = Extras.full(1).profile
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 1] = 255
    data = encoded(Kind("png"), image, Extras(profile=profile))
    result = Image.open(io.BytesIO(rewritten(tmp_path, data, ".png")))
    np.testing.assert_array_equal(np.asarray(result), image)
    to_srgb = ImageCms.profileToProfile(result, io.BytesIO(result.info["icc_profile"]), ImageCms.createProfile("sRGB"))
    assert np.asarray(to_srgb)[0, 0].tolist() == [0, 255, 0]  # outside sRGB: clipped there, not in the file


@pytest.mark.parametrize("side", [(1, 1), (1, 7), (5, 1), (2, 3)])
@pytest.mark.parametrize(
    "kind", [Kind("jpeg"), Kind("png", 4), Kind("tiff", 1, 16), Kind("webp"), Kind("avif")], ids=str
)
def test_tiny_pictures(tmp_path, kind, side):
    image = pixels(kind, *side) if min(side) > 1 else pixels(kind, 8, 8)[: side[0], : side[1]]
    suffix = {"jpeg": ".jpg", "tiff": ".tif"}.get(kind.format, f".{kind.format}")
    rewritten(tmp_path, encoded(kind, np.ascontiguousarray(image), Extras()), suffix)
    assert read_image(tmp_path / f"target{suffix}").shape == (1, 3, *side)


# --- what is refused ------------------------------------------------------------------------------------------------


def test_what_is_no_picture_is_refused_with_one_sentence(tmp_path):
    files = {
        "empty.jpg": (b"", "the file is empty"),
        "text.png": (b"not a picture at all, just words", "got something else"),
        "html.jpg": (b"<!DOCTYPE html><html></html>", "got something else"),
        "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        "page.pdf": (b"%PDF-1.7 and so on", "PDF"),
        "layers.psd": (b"8BPS\0\1" + bytes(40), "Photoshop"),
        "short.png": (b"\x89PNG\r\n\x1a\n\0\0", "ends too early"),
        "raw.cr2": (b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "camera raw"),
    }
    for name, (data, words) in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=words) as caught:
            read_image(tmp_path / name)
        assert str(caught.value).endswith(".")
        assert name in str(caught.value)
    with pytest.raises(ImageError, match="there is no such file"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(ImageError, match="is a folder"):
        read_picture(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "a.png"
    write_image(path, torch.zeros(1, 3, 4, 4))
    path.chmod(0)
    with pytest.raises(ImageError, match="permission denied"):
        read_picture(path)


def test_animations_and_pages_are_refused(tmp_path):
    frames = [colours().rotate(angle) for angle in (0, 90, 180)]
    for name in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
        path = tmp_path / f"a.{name.lower()}"
        frames[0].save(path, name, save_all=True, append_images=frames[1:])
        with pytest.raises(ImageError, match="Expected one picture"):
            read_picture(path)


def test_a_reduced_copy_of_the_page_is_dropped_and_named(tmp_path, caplog):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(pixels(Kind("tiff")), photometric="rgb")
        file.write(pixels(Kind("tiff"))[::2, ::2], photometric="rgb", subfiletype=1)
    picture = read_picture(tmp_path / "a.tif")
    write_picture(tmp_path / "b.tif", picture, picture.read())
    assert "1 reduced copies of the page" in caplog.text
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), pixels(Kind("tiff")))


@pytest.mark.parametrize("dtype", [np.uint32, np.int16, np.float64, np.complex64])
def test_samples_of_other_kinds_are_refused(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((8, 8), dtype))
    with pytest.raises(ImageError, match="Expected"):
        read_image(tmp_path / "a.tif")


def test_a_jpeg_whose_data_is_cut_but_whose_end_is_there_is_refused():
    """The decoder would fill in grey, and only warn."""
    for options in ({}, {"progressive": True}):
        data = pil_bytes(Image.fromarray(pixels(Kind("png"), 200, 300)), "JPEG", **options)
        with pytest.raises(ImageError, match="damaged or cut short"):
            read_image_bytes(data[: len(data) // 2] + b"\xff\xd9", "photo")
        # Filling before the end mark, which some cameras write, is no damage.
        np.testing.assert_array_equal(
            read_image_bytes(data[:-2] + bytes(8) + data[-2:], "photo"), read_image_bytes(data, "photo")
        )


@pytest.mark.parametrize(
    "case", ["JFIF 3.1", "Adobe 7", "four inks, Adobe 7", "no spectrum", "filling between segments"]
)
def test_a_jpeg_with_an_odd_header_is_read_but_not_when_its_data_is_cut(tmp_path, caplog, case):
    image = Image.fromarray(pixels(Kind("png"), 200, 300)).convert("CMYK" if "inks" in case else "RGB")
    good = pil_bytes(image, "JPEG")
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"
    scan = good.index(b"\xff\xda")
    spectrum = scan + 2 + struct.unpack(">H", good[scan + 2 : scan + 4])[0] - 3
    odd = {
        "JFIF 3.1": good.replace(b"JFIF\0\1\1", b"JFIF\0\3\1"),
        "Adobe 7": good[:2] + adobe + b"\7" + good[20:],  # in place of the JFIF segment
        "four inks, Adobe 7": good.replace(adobe + b"\0", adobe + b"\7"),
        "no spectrum": good[:spectrum] + bytes(3) + good[spectrum + 3 :],
        "filling between segments": good[:20] + bytes(5) + good[20:],
    }[case]
    assert odd != good
    (tmp_path / "a.jpg").write_bytes(odd)
    caplog.set_level(logging.INFO)
    read = as_array(read_image(tmp_path / "a.jpg"))
    assert read.shape == (200, 300, 3)
    assert "not quite as the standard has it" in caplog.text
    if image.mode == "RGB":
        np.testing.assert_allclose(read * 255, np.asarray(Image.open(io.BytesIO(odd))), atol=2)
    picture = read_picture(tmp_path / "a.jpg", scratch=tmp_path, in_memory_bytes=0)
    np.testing.assert_array_equal(as_array(picture.read()), read)
    picture.close()
    with pytest.raises(ImageError, match="damaged or cut short"):
        read_image_bytes(odd[: len(odd) // 2] + b"\xff\xd9", "photo")


def test_what_one_jpeg_is_forgiven_does_not_count_for_the_next():
    """libvips keeps the words of warnings that it let pass, and repeats them with the next error."""
    data = pil_bytes(Image.fromarray(pixels(Kind("png"), 200, 300)), "JPEG")
    for _ in range(2):
        read_image_bytes(data[:-2] + bytes(8) + data[-2:], "photo")
        with pytest.raises(ImageError, match="damaged or cut short"):
            read_image_bytes(data[: len(data) // 2] + b"\xff\xd9", "photo")


def test_names_of_any_kind_work(tmp_path):
    image = torch.rand(1, 3, 4, 5)
    for name in ("a b.png", "bild[1].png", "фото.png", "-x.png", "a,b=c.png", "x" * 240 + ".png"):
        write_image(tmp_path / name, image)
        picture = read_picture(tmp_path / name)
        write_picture(tmp_path / name, picture, picture.read())
        torch.testing.assert_close(read_image(tmp_path / name), image, atol=0.51 / 255, rtol=0)
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.png"
    path = os.fsdecode(raw)
    write_image(path, image)
    assert read_image(path).shape == image.shape
