"""Paths of administrative units, `48/20197`: which unit lies above which. Pure."""


def lineage(path: str) -> list[str]:
    """The paths of a unit and of all above it, itself first: `48/20197`, `48`."""
    return [path.rsplit("/", cut)[0] for cut in range(path.count("/") + 1)]


def covers(path: str, other: str) -> bool:
    """Whether the unit at `path` is the one at `other` or lies above it: `48` covers `48/20197`."""
    return other == path or other.startswith(f"{path}/")
