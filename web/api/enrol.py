"""POST /api/1/enrol: a program on a pole shows its one-time code and becomes a loudspeaker of the station."""

import base64
from typing import Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from speakers.enrolment import enrol
from speakers.grammar import iso
from web.session import Anybody

router = APIRouter()


class Enrolment(BaseModel):
    """What the program sends."""

    code: str = Field(min_length=1, max_length=64)
    name: str = Field(default="", max_length=120)


@router.post("/api/1/enrol")
def enrol_device(visit: Anybody, asked: Enrolment = Body()) -> dict[str, Any]:
    """Everything the device needs to know, once. Raises EnrolmentRefused."""
    station = visit.station
    with station.database.transaction() as session:
        now = station.now()
        enrolled = enrol(session, asked.code, secret=station.device_secret, now=now, address=visit.address)
    station.hint()
    return {
        "device_id": enrolled.speaker_id,
        "mqtt_url": station.mqtt_public_url,
        "username": enrolled.speaker_id,
        "password": enrolled.password,
        "station_key": base64.b64encode(station.station_key).decode(),
        "unit_path": enrolled.unit_path,
        "units": list(enrolled.units),
        "clusters": list(enrolled.cluster_ids),
        "media_url": f"{station.settings.base_url}/media",
        "heartbeat_s": station.settings.heartbeat_s,
        "enrolled_at": iso(now),
    }
