"""The file formats, one module each: what a file says about itself, and how metadata is put into a new one.

libvips decodes and encodes the pixels. It also rebuilds metadata on saving (EXIF through its own parser, resolution
from its own fields), so metadata never passes through it: each module here reads the pieces of the input verbatim,
and inserts them verbatim into the bare file that libvips wrote. That is how EXIF stays identical to the byte.

Each module has `read(reader) -> Header`. Those that can be written have `pieces(metadata)`, which makes the format's
pieces from metadata of another format, and `embed(bare, target, pieces)`.
"""
