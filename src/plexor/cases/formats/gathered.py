"""A case's file together with the files its header points to, as the bytes of one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from plexor.cases.formats.limits import Limits
from plexor.cases.formats.magic import format_of
from plexor.core.errors import DataError
from plexor.core.ids import digest_bytes, digest_file

if TYPE_CHECKING:
    from plexor.cases.formats.text_header import VolumeHeader

_FIRST_BYTES = 348


def read_whole(path: Path) -> bytes:
    """The bytes of an image file, with voxels that lie beside it attached.

    A list of slices is gathered to an archive of them. MetaImage (.mhd) and NRRD (.nhdr) headers
    may name a file with the voxels. It must lie in the folder of the header, or below it: a header
    from elsewhere must not be able to read any file.

    Raises:
        DataError: a file is missing, unreadable or too large, or lies outside of the folder.
    """
    data = _read(path)
    match format_of(data):
        case "metaimage":
            from plexor.cases.formats.metaimage import MetaHeader

            return _attached(path, data, MetaHeader)
        case "nrrd":
            from plexor.cases.formats.nrrd import NrrdHeader

            return _attached(path, data, NrrdHeader)
        case "slices":
            from plexor.cases.formats.slices import SliceList

            return SliceList.read(data).gather(path.parent, _read)
    return data


def digest_image(path: Path) -> str:
    """SHA-256 of an image file, and of the voxels that lie beside it.

    Raises:
        OSError: the file cannot be read.
        DataError: as for ``read_whole``, of the file beside it.
    """
    with path.open("rb") as file:
        kind = format_of(file.read(_FIRST_BYTES))
    if kind in ("metaimage", "nrrd"):
        return digest_bytes(read_whole(path))
    if kind == "slices":
        from plexor.cases.formats.slices import SliceList

        return SliceList.read(_read(path)).digest()
    return digest_file(path)


def _attached(path: Path, data: bytes, kind: type[VolumeHeader]) -> bytes:
    from plexor.cases.formats.text_header import attach

    header, _ = kind.read(data)
    if header.voxel_file is None:
        return data
    return attach(header, _read(_beside(path, header.voxel_file)))


def _read(path: Path) -> bytes:
    try:
        Limits.of_environment().check_file(path.stat().st_size)
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a null byte in a path is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot be read: {reason}") from error


def _beside(path: Path, name: str) -> Path:
    """The file of a header's voxels, in the header's folder or below it."""
    if not name or name.upper().startswith("LIST") or "%" in name:
        raise DataError(f"the voxels are in several files ({name!r}); save one file")
    folder = path.parent.resolve()
    found = (folder / name).resolve()
    if not found.is_relative_to(folder):
        raise DataError(
            f"its header names {name!r}, which is outside of the header's folder; move the file "
            "with the voxels beside its header"
        )
    if not found.is_file():
        raise DataError(f"its header names {name!r}, and there is no such file beside it")
    return found
