"""Pack the clean pictures of a recipe into one small archive, for training where the data sets are not at hand.

    PELLUCID_DATA=... python scripts/pack_training_pictures.py recipes/default.yaml pack
    PELLUCID_DATA=pack pellucid train recipes/default.yaml --data.refuse_leaks_into []

The archive holds the very files, under the very name that the recipe asks for, so that the recipe runs unchanged. The
comparison with the test sets is done here, where they are, and switched off there, where they are not.
"""

import argparse
import io
import tarfile
from pathlib import Path

from pellucid.app.recipe_file import read_run
from pellucid.data.clean_pictures import check_leaks, load_clean_pictures
from pellucid.data.selection import select
from pellucid.data.shared_sets import data_root
from pellucid.data.sources import open_source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    settings = read_run(arguments.recipe).config.data
    check_leaks(settings, load_clean_pictures(settings))
    for wanted in settings.sources:
        source = select(open_source(data_root() / wanted.path), wanted.include, wanted.exclude)
        target = arguments.folder / wanted.path
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial")
        with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name in source.names:
                data = source.read(name)
                member = tarfile.TarInfo(f"{target.stem}/{name}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        partial.replace(target)
        print(f"{target}: {len(source.names)} pictures, {target.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
