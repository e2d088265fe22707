"""The topics of the wire: which there are, how they are written, and what a topic that came is about."""

from dataclasses import dataclass

from speakers.errors import WireMalformed


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of topic; the template has one hole, `{unit}`, `{device}` or `{session}`."""

    template: str
    to_device: bool
    qos: int
    retained: bool

    @property
    def pattern(self) -> str:
        """The MQTT filter that matches every topic of this kind."""
        head, _, tail = self.template.replace("{device}", "+").replace("{session}", "+").partition("{unit}")
        return head + "#" if tail else head


TOPICS: dict[str, Topic] = {
    "rundown": Topic("loa/1/unit/{unit}/rundown", to_device=True, qos=1, retained=True),
    "live": Topic("loa/1/live/{session}", to_device=True, qos=0, retained=False),
    "wanted": Topic("loa/1/device/{device}/wanted", to_device=True, qos=1, retained=True),
    "acknowledged": Topic("loa/1/device/{device}/acknowledged", to_device=True, qos=1, retained=True),
    "command": Topic("loa/1/device/{device}/command", to_device=True, qos=1, retained=False),
    "report": Topic("loa/1/device/{device}/report", to_device=False, qos=1, retained=False),
    "alive": Topic("loa/1/device/{device}/alive", to_device=False, qos=1, retained=True),
}

MARKER_TOPIC = "loa/1/station/marker"
"""Retained, written by the station after what it publishes: a broker that shows another one has forgotten something."""


def topic(kind: str, name: str) -> str:
    """The topic of a kind for one unit path, device id or session: `topic("rundown", "48/20197")`.

    Raises WireMalformed for a name that MQTT would read otherwise (empty levels, `+`, `#`).
    """
    if not all(name.split("/")) or any(sign in name for sign in "+#\0"):
        raise WireMalformed(f"«{name}» cannot stand in a topic.")
    head, _, tail = TOPICS[kind].template.partition("{")
    return head + name + tail.partition("}")[2]


def parse_topic(address: str) -> tuple[str, str] | None:
    """The kind and the name of a topic: `("rundown", "48/20197")`; None for one that is not of this wire."""
    for kind, known in TOPICS.items():
        head, _, rest = known.template.partition("{")
        hole, _, tail = rest.partition("}")
        if address.startswith(head) and address.endswith(tail) and len(address) > len(head) + len(tail):
            name = address[len(head) : len(address) - len(tail)]
            if all(name.split("/")) and ("/" not in name or hole == "unit"):
                return kind, name
    return None
