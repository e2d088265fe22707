"""What the kernel itself thinks of its clock: the estimate that chrony or ntpd keep there. Linux only; else unknown."""

import ctypes
import sys
from dataclasses import dataclass

_UNSYNCHRONISED = 0x40  # STA_UNSYNC


class _Timex(ctypes.Structure):
    """The beginning of struct timex of adjtimex(2), and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


@dataclass(frozen=True, slots=True)
class KernelClock:
    """`error_ms` is the estimated error; None for what is not known."""

    synchronised: bool | None = None
    error_ms: float | None = None


def read_kernel_clock() -> KernelClock:
    """Reads the estimate; costs a microsecond and needs no rights."""
    if not sys.platform.startswith("linux"):
        return KernelClock()
    try:
        timex = _Timex()
        if ctypes.CDLL(None).adjtimex(ctypes.byref(timex)) < 0:
            return KernelClock()
    except (OSError, AttributeError):
        return KernelClock()
    synchronised = not timex.status & _UNSYNCHRONISED
    return KernelClock(synchronised, timex.esterror / 1000 if synchronised else None)
