"""Any media file -> its rendition: levelled, mono 48 kHz Ogg Opus, named by its own SHA-256.

Decoded once: the sound waits in an unnamed temporary file while it is measured, then is levelled and encoded. What
comes out is decoded again; where its true peak is over the limit it is turned down and those packets made again. The
same bytes in give the same bytes out. After an error nothing is left in the folder.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import BinaryIO, Literal

import numpy as np

from streams.analysis import Analyser, Analysis
from streams.encoder import MUSIC_BITRATE_BPS, SPEECH_BITRATE_BPS
from streams.errors import DiskFull, TooQuiet
from streams.gain import amplitude
from streams.levelling import Levelling
from streams.media import Limits, decode_media
from streams.opusfile import Coding, PacketPeaks, coding_loss_db, encode, mend, ogg_file

Kind = Literal["speech", "music"]

TARGET_LUFS = -16.0
PEAK_LIMIT_DBTP = -1.5
MOST_GAIN_DB = 20.0
QUIETEST_LUFS = -60.0

# Complexity 9 costs a fifth more for speech and measures the same; below 7 music is not told from speech any more.
_CODINGS = {"speech": Coding(SPEECH_BITRATE_BPS, "voip", 7), "music": Coding(MUSIC_BITRATE_BPS, "audio", 8)}
# Opus brings back a waveform with other peaks; most of the time this much room is enough for them.
_MARGINS_DB = {"speech": 2.8, "music": 2.0}
# Meters and decoders are not all the same to the hair.
_METERS_DIFFER_DB = 0.3
_MOST_LOSS_DB = 1.5
_MOST_MENDINGS = 12
_MOST_RETREATS = 3
_AFTER_MENDING_PACKETS = 25
_NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Rendition:
    """A finished rendition in its place. `source` is what the recording measured, `true_peak_dbtp` what is heard."""

    sha256: str
    path: Path
    size_bytes: int
    duration_samples: int
    gain_db: float
    true_peak_dbtp: float
    source: Analysis


def analyse(path: Path, limits: Limits = _NO_LIMITS) -> Analysis:
    """Measures any media file. Raises what `decode_media` raises."""
    analyser = Analyser()
    for block in decode_media(path, limits):
        analyser.add(block)
    return analyser.result()


def render(
    source_path: Path, folder: Path, *, kind: Kind, target_lufs: float = TARGET_LUFS, limits: Limits = _NO_LIMITS
) -> Rendition:
    """Makes `<folder>/<aa>/<sha256>.opus` of any media file; the same sound is not stored twice.

    Raises MediaRefused in all its kinds (`streams.errors`), DiskFull, and OSError for other trouble with the disk.
    """
    with _told_when_full(), TemporaryFile(dir=folder) as held:
        analyser = Analyser()
        for block in decode_media(source_path, limits):
            analyser.add(block)
            held.write(block.astype(np.float32, copy=False).data)
        held.flush()
        analysis = analyser.result()
        if analysis.integrated_lufs < QUIETEST_LUFS:
            raise TooQuiet
        gain_db = min(target_lufs - analysis.integrated_lufs, MOST_GAIN_DB)
        content, true_peak_dbtp, gain_db = _encode(held, analysis.duration_samples, gain_db, kind)
        sha256 = hashlib.sha256(content).hexdigest()
        path = _store(content, folder, sha256)
    return Rendition(sha256, path, len(content), analysis.duration_samples, gain_db, true_peak_dbtp, analysis)


def _encode(held: BinaryIO, length: int, gain_db: float, kind: Kind) -> tuple[bytes, float, float]:
    """The file's bytes, the true peak it decodes to (at most PEAK_LIMIT_DBTP), and the gain that was applied."""
    levelling = Levelling(held, length, amplitude(PEAK_LIMIT_DBTP - _MARGINS_DB[kind]))
    coding = _CODINGS[kind]
    guess_db = levelling.made_up_gain_db(gain_db)
    loss_db = min(max(coding_loss_db(levelling.sample(guess_db), coding), 0.0), _MOST_LOSS_DB)
    gain_db = levelling.made_up_gain_db(gain_db + loss_db, guess_db + loss_db)
    packets = encode(levelling.blocks(gain_db), length, coding)
    peaks = PacketPeaks(len(packets), amplitude(PEAK_LIMIT_DBTP - _METERS_DIFFER_DB))
    peaks.listen(packets, 0, len(packets))
    for attempt in range(_MOST_MENDINGS + _MOST_RETREATS):
        loud = peaks.loud
        if not loud:
            break
        levelling.turn_down(loud)
        if attempt < _MOST_MENDINGS and len(loud) <= len(packets) // 30:
            for first, last in mend(packets, loud, partial(levelling.piece, gain_db=gain_db), coding):
                peaks.listen(packets, first, min(last + _AFTER_MENDING_PACKETS, len(packets)))
        else:
            # Too many to mend one by one: all of it again; if nothing helps, lower as a whole.
            gain_db -= 3.0 if attempt >= _MOST_MENDINGS else 0.0
            packets = encode(levelling.blocks(gain_db), length, coding)
            peaks.listen(packets, 0, len(packets))
    return ogg_file(packets, length), peaks.true_peak_dbtp, gain_db


def _store(content: bytes, folder: Path, sha256: str) -> Path:
    """Puts the file in its place in one step, safe on disk. What is there already under this name is kept."""
    path = folder / sha256[:2] / f"{sha256}.opus"
    if path.is_file() and path.stat().st_size == len(content):
        return path
    part: Path | None = None
    try:
        with NamedTemporaryFile(dir=folder, prefix=".", suffix=".part", delete=False) as file:
            part = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        path.parent.mkdir(exist_ok=True)
        part.replace(path)
    except BaseException:
        if part is not None:
            part.unlink(missing_ok=True)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


@contextmanager
def _told_when_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise DiskFull from error
        raise
