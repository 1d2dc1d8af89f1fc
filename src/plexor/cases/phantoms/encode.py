"""Phantoms as the bytes of an image file."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from plexor.cases.formats.jpeg import JpegCodec
from plexor.cases.formats.png import PngCodec
from plexor.cases.phantoms.phantom import Phantom
from plexor.core.ids import digest, digest_bytes

Encoder = Callable[[Phantom, str], bytes]
_JPEG = JpegCodec(quality=92, subsampling=2)


def png(phantom: Phantom, _group: str) -> bytes:
    """A PNG file, 8 or 16 bit."""
    return PngCodec().encode(phantom.pixels)


def jpeg(phantom: Phantom, _group: str) -> bytes:
    """A JPEG file of quality 92 with halved colour resolution, as a camera writes it."""
    return _JPEG.encode(phantom.pixels)


def nifti(phantom: Phantom, _group: str) -> bytes:
    """A gzipped NIfTI-1 file in RAS orientation, its origin at the middle of the volume."""
    import nibabel as nib

    volume, spacing = phantom.pixels[0], phantom.spacing_mm or (1.0, 1.0, 1.0)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(np.array(volume.shape) - 1) / 2 * spacing
    image = nib.Nifti1Image(volume, affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
    # Without a time stamp the same volume is the same file.
    return gzip.compress(image.to_bytes(), 6, mtime=0)


def dicom(phantom: Phantom, group: str, *, photometric: str) -> bytes:
    """A computed radiograph as DICOM, explicit little endian, uncompressed.

    Args:
        phantom: a radiograph, (1, H, W).
        group: becomes the patient's id.
        photometric: "MONOCHROME2", or "MONOCHROME1", which stores dark where the film is bright.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

    pixels, high = phantom.pixels[0], int(phantom.intensity.high)
    if photometric == "MONOCHROME1":
        pixels = high - pixels
    data = Dataset()
    data.SOPClassUID = ComputedRadiographyImageStorage
    data.SOPInstanceUID = _uid(group, digest_bytes(pixels.tobytes()))
    data.StudyInstanceUID, data.SeriesInstanceUID = _uid(group, "study"), _uid(group, "series")
    data.StudyID, data.SeriesNumber, data.InstanceNumber = "1", 1, 1
    data.StudyDate, data.StudyTime, data.AccessionNumber = "20200102", "030405", ""
    data.PatientName, data.PatientID = f"Phantom^{group}", group
    data.PatientBirthDate = data.PatientSex = data.ReferringPhysicianName = ""
    data.Modality, data.Manufacturer = "CR", "Plexor phantom"
    data.BodyPartExamined, data.ViewPosition, data.PatientOrientation = "CHEST", "PA", ["L", "F"]
    data.BurnedInAnnotation = "YES" if phantom.masks["marker"].any() else "NO"
    data.ImagerPixelSpacing = [round(mm, 6) for mm in phantom.spacing_mm or (1.0, 1.0)]
    data.WindowCenter, data.WindowWidth = (high + 1) / 2, high + 1
    data.set_pixel_data(pixels, photometric, high.bit_length(), generate_instance_uid=False)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _uid(*names: str) -> str:
    """The same unique identifier for the same names, of the kind made from 128-bit numbers."""
    return f"2.25.{int(digest(list(names))[:32], 16)}"


def mask(phantom: Phantom, group: str, name: str) -> tuple[str, bytes]:
    """One of a phantom's masks: a file ending, and a PNG or, of a volume, a NIfTI file."""
    numbers = phantom.masks[name]
    drawn = replace(phantom, pixels=numbers[None])
    if numbers.ndim == 2:
        return ".png", png(drawn, group)
    return ".nii.gz", nifti(drawn, group)


ENCODERS: dict[str, dict[str, tuple[str, Encoder]]] = {
    "radiograph": {
        "png": (".png", png),
        "dicom": (".dcm", partial(dicom, photometric="MONOCHROME2")),
        "dicom-monochrome1": (".dcm", partial(dicom, photometric="MONOCHROME1")),
    },
    "lesion": {"jpeg": (".jpg", jpeg), "png": (".png", png)},
    "brain": {"nifti": (".nii.gz", nifti)},
    "ageing": {"nifti": (".nii.gz", nifti)},
}
"""Kind of phantom → name of a format → file ending and encoder; the first format is the default."""
