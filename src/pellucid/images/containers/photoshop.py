"""Photoshop image resources: the wrapper that IPTC records travel in inside JPEG and TIFF files.

Source:
    Adobe, "Photoshop File Formats Specification", Image Resource Blocks.
"""

_SIGNATURE = b"8BIM"
_IPTC = 0x0404


def iptc_in_photoshop(resources: bytes) -> bytes | None:
    """The IPTC-IIM records among `resources`, `None` when there are none."""
    offset = 0
    while resources[offset : offset + 4] == _SIGNATURE:
        number = int.from_bytes(resources[offset + 4 : offset + 6], "big")
        name_size = resources[offset + 6] if offset + 6 < len(resources) else 0
        start = offset + 6 + (name_size + 2) // 2 * 2
        size = int.from_bytes(resources[start : start + 4], "big")
        data = resources[start + 4 : start + 4 + size]
        if number == _IPTC and len(data) == size:
            return data
        offset = start + 4 + (size + 1) // 2 * 2
    return None


def holds_only_iptc(resources: bytes) -> bool:
    """Whether nothing but IPTC records is among `resources`, such as clipping paths."""
    iptc = iptc_in_photoshop(resources)
    return iptc is not None and resources == photoshop_with_iptc(iptc)


def photoshop_with_iptc(iptc: bytes) -> bytes:
    """Image resources that hold only `iptc`."""
    head = _SIGNATURE + _IPTC.to_bytes(2, "big") + b"\0\0" + len(iptc).to_bytes(4, "big")
    return head + iptc + b"\0" * (len(iptc) % 2)
