"""Metadata: what goes from format to format, what is named as lost, and the odd things that files carry."""

import io
import logging
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, IptcImagePlugin, TiffImagePlugin
from sample_pictures import (
    IPTC,
    MAKER_NOTE,
    XMP,
    Extras,
    Kind,
    encoded,
    exif_block,
    jpeg_segments,
    pixels,
    png_bytes,
    png_chunks,
    wide_gamut_profile,
)

from pellucid.images.containers.directory import rational
from pellucid.images.containers.exif import exif_entries, orientation_of, resolution_of, upright_exif
from pellucid.images.files import read_picture, write_picture

SUFFIXES = {"jpeg": ".jpg", "png": ".png", "tiff": ".tif", "webp": ".webp", "avif": ".avif"}


def converted(folder, data: bytes, source: str, target: str) -> bytes:
    path, result = folder / f"source{SUFFIXES[source]}", folder / f"target{SUFFIXES[target]}"
    path.write_bytes(data)
    picture = read_picture(path)
    write_picture(result, picture, picture.read())
    return result.read_bytes()


def assert_alike(after: np.ndarray, before: np.ndarray) -> None:
    """Lossy codecs at quality 90 and more; the samples have noise in their colours, which is what they drop first.

    A wrong matrix or order of channels, or a picture that lies the wrong way, is off by much more on average.
    """
    difference = after - before
    assert np.abs(difference).max() < 32
    assert np.abs(difference).mean() < 5
    assert np.abs(difference.reshape(-1, difference.shape[-1]).mean(0)).max() < 2


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("source", SUFFIXES)
def test_between_formats_all_goes_that_has_a_place(tmp_path, caplog, source, target, orientation):
    if source == target:
        pytest.skip("the round-trip matrix is about that")
    data = encoded(Kind(source), pixels(Kind(source)), Extras.full(orientation))
    result = converted(tmp_path, data, source, target)
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(result)) as after:
        # Stored upright, and marked so, because not every viewer of every format turns pictures.
        assert_alike(np.asarray(after, float), np.asarray(ImageOps.exif_transpose(before), float))
        assert after.getexif().get(274, 1) == 1
        assert after.info["icc_profile"] == wide_gamut_profile()
        xmp = after.tag_v2[700] if target == "tiff" else after.info["xmp"]
        assert xmp == XMP
        exif = after.getexif()
        assert exif[271] == "Maker"
        if source != "tiff":
            details = exif.get_ifd(34665)
            assert details[36867] == "2024:05:06 07:08:09"
            assert details[33434] == pytest.approx(0.01)
            assert details[37500] == MAKER_NOTE
            assert exif.get_ifd(34853)[1] == "N"
        if target in ("jpeg", "png", "tiff"):
            assert after.info["dpi"] == pytest.approx((300, 300), abs=0.01)
        if target == "jpeg" and source == "tiff":
            assert IptcImagePlugin.getiptcinfo(after)[2, 105] == b"Headline"
        if target == "tiff" and source == "jpeg":
            assert bytes(after.tag_v2[33723]) == IPTC
    has_iptc, takes_iptc = source in ("jpeg", "tiff"), target in ("jpeg", "tiff")
    assert ("IPTC" in caplog.text) == (has_iptc and not takes_iptc)
    assert ("text 'Title'" in caplog.text) == (source == "png")
    assert "EXIF;" not in caplog.text


@pytest.mark.parametrize(
    ("source", "target", "lost"),
    [
        (Kind("png", 4), "jpeg", "opacity (put on white)"),
        (Kind("png", 3, 16), "jpeg", "the depth of its samples (16-bit)"),
        (Kind("png", 3, 16), "webp", "the depth of its samples (16-bit)"),
        (Kind("tiff", 3, 32), "png", "the depth of its samples (floating point)"),
        (Kind("tiff", 4, 8, {"extrasamples": ["unspecified"]}), "png", "the channel of unknown meaning"),
    ],
    ids=str,
)
def test_pixels_that_do_not_fit_are_fitted_and_named(tmp_path, caplog, source, target, lost):
    image = pixels(source)
    result = converted(tmp_path, encoded(source, image, Extras()), source.format, target)
    assert lost in caplog.text
    with Image.open(io.BytesIO(result)) as shown:
        assert shown.size == (34, 21)
        assert shown.mode == "RGB"
        after = np.asarray(shown, float)
    if source.depth == 16:
        assert_alike(after, image / 257)
    if source.channels == 4 and target == "jpeg":
        assert after[image[..., 3] == 0].min() > 245


@pytest.mark.parametrize("target", ["png", "webp", "avif"])
def test_premultiplied_colours_are_straight_elsewhere(tmp_path, target):
    straight = pixels(Kind("png", 4)).astype(float)
    stored = straight.copy()
    stored[..., :3] *= straight[..., 3:] / 255
    file = io.BytesIO()
    tifffile.imwrite(file, np.rint(stored).astype(np.uint8), photometric="rgb", extrasamples=["assocalpha"])
    result = np.asarray(Image.open(io.BytesIO(converted(tmp_path, file.getvalue(), "tiff", target)))).astype(float)
    visible = straight[..., 3] > 128
    np.testing.assert_array_equal(result[..., 3], straight[..., 3])
    if target == "png":
        np.testing.assert_allclose(result[visible], straight[visible], atol=2)
    assert_alike(result[visible], straight[visible])


@pytest.mark.parametrize("target", ["png", "jpeg"])
def test_premultiplied_floats_are_straight_elsewhere(tmp_path, target):
    straight = np.random.default_rng(0).random((30, 40, 3)) * 0.9
    stored = np.dstack([straight * 0.5, np.full((30, 40), 0.5)]).astype(np.float32)
    file = io.BytesIO()
    tifffile.imwrite(file, stored, photometric="rgb", extrasamples=["assocalpha"])
    result = np.asarray(Image.open(io.BytesIO(converted(tmp_path, file.getvalue(), "tiff", target)))).astype(float)
    if target == "png":
        np.testing.assert_allclose(result[..., 3], 128, atol=1)
        np.testing.assert_allclose(result[..., :3], straight * 255, atol=1)
    else:  # half of it white
        assert result.mean() == pytest.approx(127.5 + 255 * straight.mean() / 2, abs=2)


def test_10_bits_keep_their_brightness_in_16(tmp_path):
    import cv2

    image = pixels(Kind("avif", 3, 10))
    result = converted(tmp_path, encoded(Kind("avif", 3, 10), image, Extras()), "avif", "png")
    shown = cv2.imdecode(np.frombuffer(result, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_array_equal(shown, np.rint(image / 1023 * 65535).astype(np.uint16))


def test_a_jpeg_keeps_every_segment_that_can_stay(tmp_path, caplog):
    base = encoded(Kind("jpeg"), pixels(Kind("jpeg")), Extras.full(3))
    odd = [
        (0xFE, b"a comment"),
        (0xE5, b"a maker's own segment"),
        (0xE0, b"JFXX\0\x10thumbnail"),
        (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60)),
    ]
    gone = [(0xE2, b"MPF\0" + bytes(40)), (0xEB, b"JP\0\x01" + bytes(30))]
    inserted = b"".join(bytes((0xFF, m)) + struct.pack(">H", len(d) + 2) + d for m, d in odd + gone)
    data = base[:2] + inserted + base[2:] + b"ftypmp42 and then a film" * 3
    result = converted(tmp_path, data, "jpeg", "jpeg")
    kept = [s for s in jpeg_segments(result) if 0xE0 <= s[0] <= 0xEF or s[0] == 0xFE]
    assert kept == odd + [s for s in jpeg_segments(base) if 0xE0 <= s[0] <= 0xEF]
    for words in ("multi-picture format", "content credentials", "72 bytes after the picture"):
        assert words in caplog.text
    assert result.endswith(b"\xff\xd9")


@pytest.mark.parametrize("progressive", [False, True])
def test_what_follows_a_jpeg_is_named(tmp_path, caplog, progressive):
    kind = Kind("jpeg", options={"progressive": progressive})
    data = encoded(kind, pixels(kind, 300, 400), Extras())
    converted(tmp_path, data, "jpeg", "jpeg")
    assert "after the picture" not in caplog.text
    converted(tmp_path, data + b"ftypmp42 and then a film" * 3, "jpeg", "jpeg")
    assert "72 bytes after the picture" in caplog.text


def test_tables_between_scans_are_not_the_end_of_the_picture(tmp_path, caplog):
    kind = Kind("jpeg", options={"progressive": True})
    data = encoded(kind, pixels(kind), Extras())
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    comment = b"looks like an end: \xff\xd9 and goes on"
    data = data[:second] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + data[second:]
    converted(tmp_path, data, "jpeg", "jpeg")
    assert "after the picture" not in caplog.text


def test_what_follows_a_png_is_named(tmp_path, caplog):
    data = encoded(Kind("png"), pixels(Kind("png")), Extras()) + b"and then a film" * 3
    result = converted(tmp_path, data, "png", "png")
    assert result.endswith(b"IEND\xaeB`\x82")
    assert "45 bytes after the picture" in caplog.text


@pytest.mark.parametrize("iptc", [b"", IPTC])
def test_photoshops_resources_beside_iptc_are_named(tmp_path, caplog, iptc):
    path = b"8BIM\x07\xd0\0\0\0\0\0\x1a" + bytes(26)  # a clipping path
    record = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    payload = b"Photoshop 3.0\0" + (record if iptc else b"") + path
    base = encoded(Kind("jpeg"), pixels(Kind("jpeg")), Extras())
    data = base[:2] + b"\xff\xed" + struct.pack(">H", len(payload) + 2) + payload + base[2:]
    assert 0x07D0 in Image.open(io.BytesIO(data)).info["photoshop"]
    converted(tmp_path, data, "jpeg", "png")
    assert "Photoshop's resources" in caplog.text
    assert ("IPTC" in caplog.text) == bool(iptc)
    caplog.clear()
    assert (0xED, payload) in jpeg_segments(converted(tmp_path, data, "jpeg", "jpeg"))
    assert "Photoshop" not in caplog.text


def test_text_in_utf_8_goes_into_a_tiff(tmp_path):
    """EXIF 3.0's type 129."""
    text = "Łódź".encode() + b"\0"
    block = b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHII", 0x8769, 4, 1, 26) + bytes(4)
    block += b"\0\1" + struct.pack(">HHII", 0xA430, 129, len(text), 44) + bytes(4) + text
    data = encoded(Kind("png"), pixels(Kind("png")), Extras(exif=block))
    result = converted(tmp_path, data, "png", "tiff")
    entry = result.index(struct.pack("<HHI", 0xA430, 129, len(text)))
    place = struct.unpack("<I", result[entry + 8 : entry + 12])[0]
    assert result[place : place + len(text)] == text
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(result))), pixels(Kind("png")))


@pytest.mark.parametrize("value", [300.0, 4999.9999, 54545454.1, 2.0**32 - 1, 1.1e10])
def test_any_resolution_is_a_fraction_of_32_bits(value):
    numerator, denominator = rational(282, value).numbers()
    assert numerator / denominator == pytest.approx(min(value, 2**32 - 1), rel=1e-9)


@pytest.mark.parametrize(
    ("source", "extras"),
    [
        (Kind("png"), [(b"pHYs", struct.pack(">IIB", 2**31 - 1, 2**31 - 1, 1))]),
        (Kind("jpeg"), 4294967295),
    ],
    ids=["png", "jpeg"],
)
def test_a_resolution_beyond_belief_does_not_stop_a_picture(tmp_path, source, extras):
    if source.format == "png":
        data = png_bytes(pixels(source), colour=2, bits=8, chunks=extras)
    else:
        block = bytearray(exif_block(1))
        for entry in exif_entries(bytes(block)):
            if entry.tag in (282, 283):
                block[entry.at : entry.at + 8] = struct.pack(">II", extras, 1)
            elif entry.tag == 296:
                block[entry.at : entry.at + 2] = b"\0\3"  # per centimetre
        data = encoded(source, pixels(source), Extras(exif=bytes(block)))
        data = data.replace(b"JFIF\0\1\1\1", b"JFIF\0\1\1\0")
    result = converted(tmp_path, data, source.format, "tiff")
    with Image.open(io.BytesIO(result)) as image:
        assert image.size == (34, 21)
        assert image.tag_v2[282] > 2**25


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'tiff:Orientation="6"', b'tiff:Orientation="1"'),
        (b"tiff:Orientation = '8'", b"tiff:Orientation = '1'"),
        (b"<tiff:Orientation>6</tiff:Orientation>", b"<tiff:Orientation>1</tiff:Orientation>"),
        (b"<tiff:Orientation>\n 3 </tiff:Orientation>", b"<tiff:Orientation>\n 1 </tiff:Orientation>"),
        (b'tiff:Orientation="66" x:Orientation="6"', b'tiff:Orientation="66" x:Orientation="6"'),
    ],
)
def test_xmp_says_upright_where_exif_does(tmp_path, before, after):
    packet = XMP.replace(b'dc:creator="somebody"', before if before[:1] != b"<" else b"x='y'")
    packet = packet.replace(b"x='y'/>", b"x='y'>" + before + b"</rdf:Description>")
    assert before in packet
    data = encoded(Kind("jpeg"), pixels(Kind("jpeg")), Extras(orientation=6, exif=exif_block(6), xmp=packet))
    with Image.open(io.BytesIO(converted(tmp_path, data, "jpeg", "png"))) as image:
        assert image.getexif().get(274, 1) == 1
        assert image.info["xmp"] == packet.replace(before, after)
    # In the same format pixels lie as they lay, and everything says so.
    with Image.open(io.BytesIO(converted(tmp_path, data, "jpeg", "jpeg"))) as image:
        assert image.getexif()[274] == 6
        assert image.info["xmp"] == packet


@pytest.mark.parametrize("target", SUFFIXES)
def test_a_grey_profile_goes_with_grey_pixels_only(tmp_path, caplog, target):
    profile = bytearray(wide_gamut_profile())
    profile[16:20] = b"GRAY"
    image = pixels(Kind("jpeg", 1))
    data = encoded(Kind("jpeg", 1), image, Extras(profile=bytes(profile)))
    with Image.open(io.BytesIO(converted(tmp_path, data, "jpeg", target))) as result:
        is_grey = result.mode == "L"
        assert is_grey == (target not in ("webp", "avif"))
        assert result.info.get("icc_profile") == (bytes(profile) if is_grey else None)
    assert ("the ICC profile (it is for grey pixels" in caplog.text) == (not is_grey)


def test_a_camera_jpeg_without_jfif_gets_none(tmp_path):
    data = encoded(Kind("jpeg"), pixels(Kind("jpeg")), Extras.full(1))
    segments = jpeg_segments(data)
    position = 2
    for marker, payload in segments:
        if marker == 0xE0:
            data = data[:position] + data[position + 4 + len(payload) :]
            break
        position += 4 + len(payload)
    result = converted(tmp_path, data, "jpeg", "jpeg")
    assert 0xE0 not in [marker for marker, _ in jpeg_segments(result)]
    with Image.open(io.BytesIO(result)) as shown:
        assert shown.info["dpi"] == (300, 300)
        assert_alike(np.asarray(shown, float), pixels(Kind("jpeg")))


def test_a_large_profile_takes_several_segments(tmp_path):
    profile = wide_gamut_profile() + np.random.default_rng(0).bytes(150_000)
    data = encoded(Kind("webp"), pixels(Kind("webp")), Extras(profile=profile))
    result = converted(tmp_path, data, "webp", "jpeg")
    assert Image.open(io.BytesIO(result)).info["icc_profile"] == profile
    assert [marker for marker, _ in jpeg_segments(result)].count(0xE2) == 3
    assert converted(tmp_path, result, "jpeg", "jpeg").count(b"ICC_PROFILE\0") == 3


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_keeps_exif_and_gps_directories(tmp_path, order):
    image = Image.fromarray(pixels(Kind("tiff")))
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II" if order == "<" else b"MM")
    tags[271], tags[315], tags[65000] = "Maker", "An artist", "a private tag"
    exif = Image.Exif()
    exif[34665] = {33434: TiffImagePlugin.IFDRational(1, 125), 36867: "2024:05:06 07:08:09", 37500: MAKER_NOTE}
    exif[34853] = {1: "N", 2: (48.0, 8.0, 12.5)}
    for tag, value in exif.items():
        tags[tag] = value
    file = io.BytesIO()
    image.save(file, "TIFF", tiffinfo=tags)
    result = converted(tmp_path, file.getvalue(), "tiff", "tiff")
    before, after = (Image.open(io.BytesIO(data)) for data in (file.getvalue(), result))
    assert after.tag_v2[271] == "Maker"
    assert after.tag_v2[65000] == "a private tag"
    for directory in (34665, 34853):
        assert before.getexif().get_ifd(directory)
        assert after.getexif().get_ifd(directory) == before.getexif().get_ifd(directory)
    # And into a JPEG's EXIF.
    shown = Image.open(io.BytesIO(converted(tmp_path, result, "tiff", "jpeg"))).getexif()
    assert shown.get_ifd(34853) == before.getexif().get_ifd(34853)
    assert shown.get_ifd(34665)[37500] == MAKER_NOTE


def test_a_png_keeps_its_text_and_colour_chunks(tmp_path, caplog):
    chunks = [
        (b"cICP", bytes((12, 13, 0, 1))), (b"gAMA", struct.pack(">I", 45455)), (b"sBIT", b"\x08\x08\x08"),
        (b"bKGD", struct.pack(">HHH", 1, 2, 3)), (b"pHYs", struct.pack(">IIB", 1, 2, 0)),
        (b"tIME", struct.pack(">HBBBBB", 2024, 5, 6, 7, 8, 9)), (b"tEXt", b"Title\0A picture"),
        (b"zTXt", b"Comment\0\0" + b"x\x9c\x03\0\0\0\0\x01"), (b"prVt", b"private, safe to copy"),
    ]  # fmt: skip
    unsafe = (b"prVT", b"private, not safe to copy")
    data = png_bytes(pixels(Kind("png")), colour=2, bits=8, chunks=[*chunks, unsafe])
    result = converted(tmp_path, data, "png", "png")
    assert [chunk for chunk in png_chunks(result) if chunk[0] not in (b"IHDR", b"IDAT", b"IEND")] == chunks
    assert "prVT" in caplog.text


def test_avif_keeps_its_coded_colour(tmp_path):
    """P3 primaries given by number (CICP), without an ICC profile."""
    image = Image.fromarray(pixels(Kind("avif"), 64, 64))
    file = io.BytesIO()
    image.save(file, "AVIF", quality=95, subsampling="4:4:4")
    data = bytearray(file.getvalue())
    place = data.index(b"nclx") + 4
    data[place : place + 4] = struct.pack(">HH", 12, 13)
    result = converted(tmp_path, bytes(data), "avif", "avif")
    found = result.index(b"nclx") + 4
    assert result.count(b"nclx") == 1
    assert struct.unpack(">HH", result[found : found + 4]) == (12, 13)
    before, after = (np.asarray(Image.open(io.BytesIO(d)), float) for d in (bytes(data), result))
    assert_alike(after, before)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_is_made_upright_in_place(orientation):
    block = exif_block(orientation)
    upright = upright_exif(block)
    assert orientation_of(exif_entries(block)) == orientation
    assert orientation_of(exif_entries(upright)) == 1
    assert sum(a != b for a, b in zip(block, upright, strict=True)) == (orientation != 1)
    assert resolution_of(exif_entries(block)) == (300, 300)


@pytest.mark.parametrize("block", [b"", b"II", b"II*\0\xff\xff\xff\xff", b"garbage" * 9, b"MM\0*\0\0\0\x08\xff\xff"])
def test_broken_exif_is_carried_and_otherwise_ignored(tmp_path, block):
    assert exif_entries(block) == ()
    assert upright_exif(block) == block
    data = encoded(Kind("png"), pixels(Kind("png")), Extras(exif=block or b"\0"))
    result = converted(tmp_path, data, "png", "png")
    assert dict(png_chunks(result))[b"eXIf"] == (block or b"\0")


def test_what_is_kept_is_not_complained_about(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    for kind in (Kind("jpeg"), Kind("png", 4, 16), Kind("tiff", 3, 16), Kind("webp", 4), Kind("avif")):
        converted(tmp_path, encoded(kind, pixels(kind), Extras.full(8)), kind.format, kind.format)
    assert caplog.text == ""
