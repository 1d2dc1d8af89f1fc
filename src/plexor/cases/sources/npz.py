"""Arrays of an ``.npz`` file, read element by element; nothing in it is unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from plexor.cases.formats.limits import Limits
from plexor.core.errors import DataError, unknown

Array = npt.NDArray[Any]
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_DAMAGES = (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What an array's header says.

    Attributes:
        shape: of the whole array.
        dtype: of its numbers.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Npz:
    """An open ``.npz`` file.

    An array of a billion elements is no danger: only one element, along the first axis, is in
    memory at a time, and its size is checked before.

    Args:
        path: the file.
        archive: the same, opened.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Opens a file.

        Raises:
            DataError: it is missing, or no zip archive.
        """
        try:
            archive = zipfile.ZipFile(path)
        except _DAMAGES as error:
            raise DataError(f"{path}: not a readable .npz file: {error}") from error
        with archive:
            yield cls(path, archive)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays, in order."""
        return tuple(
            name.removesuffix(".npy") for name in self._archive.namelist() if name.endswith(".npy")
        )

    def header(self, name: str) -> Header:
        """Shape and type of an array.

        Raises:
            DataError: there is none of that name, or its header is damaged, or its elements are
                Python objects, or it declares more or fewer bytes than are stored.
        """
        with self._member(name) as file:
            return self._header(name, file)

    def elements(self, name: str) -> Iterator[Array]:
        """Elements along the first axis, one at a time.

        Raises:
            DataError: as for ``header``; an element is beyond the limits, or the file is truncated.
        """
        with self._member(name) as file:
            header = self._header(name, file)
            shape, dtype = header.shape[1:], header.dtype
            n_values = int(np.prod(shape, dtype=object)) if shape else 1
            size = n_values * dtype.itemsize
            try:
                limits = Limits.of_environment()
                limits.check(pixels=n_values, size=size, file_size=self._path.stat().st_size)
            except DataError as error:
                raise DataError(f"{self._path}: {name}: {error}") from error
            for number in range(header.shape[0]):
                try:
                    data = file.read(size)
                except _DAMAGES as error:
                    raise DataError(f"{self._path}: {name}: damaged: {error}") from error
                if len(data) != size:
                    raise DataError(f"{self._path}: {name} ends in element {number}; fetch it anew")
                yield np.frombuffer(data, dtype).reshape(shape)

    @contextmanager
    def _member(self, name: str) -> Iterator[IO[bytes]]:
        if name not in self.names:
            raise DataError(f"{self._path}: {unknown('array', name, self.names)}")
        try:
            file = self._archive.open(f"{name}.npy")
        except (*_DAMAGES, RuntimeError) as error:
            raise DataError(f"{self._path}: {name}: cannot be read: {error}") from error
        with file:
            yield file

    def _header(self, name: str, file: IO[bytes]) -> Header:
        where = f"{self._path}: {name}"
        try:
            version = np.lib.format.read_magic(file)
            shape, is_fortran, dtype = _READERS[version](file)
        except (*_DAMAGES, KeyError, SyntaxError, TypeError) as error:
            raise DataError(f"{where}: not an array of numpy: {error}") from error
        if dtype.hasobject:
            raise DataError(
                f"{where} holds Python objects, which would be unpickled and may run code; "
                "expected numbers"
            )
        if is_fortran and len(shape) > 1:
            raise DataError(f"{where} is stored by columns, expected C order; save it as such")
        if not shape or min(shape) < 0:
            raise DataError(f"{where} has the shape {shape}, expected a first axis of images")
        stored = self._archive.getinfo(f"{name}.npy").file_size - file.tell()
        declared = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if declared != stored:
            raise DataError(
                f"{where} declares {declared:,} bytes and holds {stored:,}; fetch the file anew"
            )
        return Header(shape=tuple(shape), dtype=dtype)
