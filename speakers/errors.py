"""What can go wrong in the fleet, each written once as a sentence.

FleetError
├── WireMalformed        bytes from the wire that mean nothing here
├── EnrolmentRefused     the station does not take this device
├── NotEnrolled          the agent has no identity yet
├── RundownRefused       a rundown that is not to be obeyed, with the reason
├── StationUnreachable   nothing answers at the address
├── RenditionDamaged     what came is not what its name says
├── CacheFull            the disk of the pole has no room left
└── BrokerRefused        the broker does not do what the station needs of it
"""

from broadcast.errors import LoaError, Refused


class FleetError(LoaError):
    """Có lỗi ở hệ thống loa."""


class WireMalformed(FleetError, ValueError):
    """This message is not one of version 1 of the wire."""


class EnrolmentRefused(FleetError, Refused):
    """Mã đăng ký loa không đúng, đã dùng rồi hoặc đã hết hạn. Hãy xin mã mới ở trang Cụm loa."""


class NotEnrolled(FleetError):
    """This device is not enrolled yet. Start it once with --station URL --code CODE."""


class RundownRefused(FleetError):
    """`reason` is one of speakers.agent.acceptance.Reason: it is counted and reported by that word."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class StationUnreachable(FleetError):
    """The station does not answer. Check the address given with --station and the network."""


class RenditionDamaged(FleetError):
    """The file that came does not have the SHA-256 it was asked by."""


class CacheFull(FleetError):
    """The disk is full: free some room in the data folder. What is in the cache goes on being played."""


class BrokerRefused(FleetError):
    """The broker refused to change its accounts. Check that LOA_MQTT_URL names an administrator of it."""
