"""What a person may do where: roles give acts, a grant gives a role over a unit and all it covers.

Pure: a `Person` is read once per request by `broadcast.sign_in`, and asked as often as needed.
"""

from dataclasses import dataclass

from broadcast.errors import NotAllowed
from broadcast.unit_path import covers

ROLES: dict[str, frozenset[str]] = {
    "administrator": frozenset({"view", "compose", "approve", "schedule", "fleet", "account"}),
    "editor": frozenset({"view", "compose", "schedule"}),
    "approver": frozenset({"view", "approve", "schedule"}),
    "technician": frozenset({"view", "fleet"}),
    "viewer": frozenset({"view"}),
}
"""The acts of each role."""

ROLE_NAMES = {
    "administrator": "quản trị",
    "editor": "biên tập",
    "approver": "duyệt",
    "technician": "kỹ thuật",
    "viewer": "xem",
}


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person. `grants` holds (role, unit path, unit id); `csrf` guards the forms of this sign-in."""

    account_id: str
    sign_in_name: str
    full_name: str
    language: str
    csrf: str
    grants: tuple[tuple[str, str, str], ...]

    def may(self, act: str, unit_path: str) -> bool:
        """Whether a role of this person gives the act at the unit, or at one above it."""
        return any(act in ROLES.get(role, ()) and covers(path, unit_path) for role, path, _ in self.grants)

    def paths(self, act: str) -> tuple[str, ...]:
        """The paths of the units where the act is given, each with all that it covers; none lies in another."""
        given = {path for role, path, _ in self.grants if act in ROLES.get(role, ())}
        return tuple(sorted(path for path in given if not any(covers(other, path) for other in given - {path})))


def require(person: Person, act: str, unit_path: str, *, object_type: str = "unit", object_id: str = "") -> None:
    """Return when the person may do the act at the unit; raise NotAllowed, which says what was asked, otherwise."""
    if not person.may(act, unit_path):
        raise NotAllowed(act=act, unit_path=unit_path, object_type=object_type, object_id=object_id or unit_path)
