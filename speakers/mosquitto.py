"""Accounts in a city's Mosquitto, through its dynamic-security plugin: the same rights that the embedded broker gives.

The station signs in as an administrator of the plugin who may also use `loa/#` (see deploy/mosquitto). Everything here
may be done again: what exists is replaced, so the gateway provisions anew whenever wanted and seen differ.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import aiomqtt

from speakers.broker import Rights
from speakers.errors import BrokerRefused

CONTROL = "$CONTROL/dynamic-security/v1"
RESPONSE = f"{CONTROL}/response"
_ANSWER_S = 10.0


def _role(name: str, rights: Rights) -> dict[str, Any]:
    acls = [{"acltype": "subscribeLiteral", "topic": topic, "allow": True} for topic in sorted(rights.read)]
    acls += [{"acltype": "unsubscribeLiteral", "topic": topic, "allow": True} for topic in sorted(rights.read)]
    acls += [{"acltype": "publishClientReceive", "topic": topic, "allow": True} for topic in sorted(rights.read)]
    acls += [{"acltype": "publishClientSend", "topic": topic, "allow": True} for topic in sorted(rights.write)]
    return {"command": "createRole", "rolename": name, "acls": acls}


def admission(device_id: str, password: str, rights: Rights) -> list[dict[str, Any]]:
    """The commands that let a device in, replacing what was."""
    return [
        *dismissal(device_id),
        _role(device_id, rights),
        {
            "command": "createClient",
            "username": device_id,
            "clientid": device_id,
            "password": password,
            "roles": [{"rolename": device_id}],
        },
    ]


def dismissal(device_id: str) -> list[dict[str, Any]]:
    """The commands that shut a device out, at once."""
    return [{"command": "deleteClient", "username": device_id}, {"command": "deleteRole", "rolename": device_id}]


_HARMLESS = {"Role not found", "Client not found", "Role already exists", "Client is already in this role"}


async def command(client: aiomqtt.Client, commands: Sequence[dict[str, Any]]) -> None:
    """Give commands over a connection of their own and wait for the plugin's answer. Raises BrokerRefused."""
    await client.subscribe(RESPONSE, qos=1)
    # Mosquitto 2.0 acknowledges no control message: its answer is the acknowledgement.
    await client.publish(CONTROL, json.dumps({"commands": list(commands)}), qos=0)
    try:
        async with asyncio.timeout(_ANSWER_S):
            async for message in client.messages:
                _check(message.payload)
                return
    except TimeoutError:
        raise BrokerRefused(
            "The broker does not answer on the dynamic-security topic. Load the plugin in mosquitto.conf "
            "and give LOA_MQTT_URL an administrator of it (see deploy/mosquitto/)."
        ) from None


def _check(payload: object) -> None:
    answer = json.loads(payload if isinstance(payload, bytes | str) else b"{}")
    for response in answer.get("responses", []):
        error = response.get("error")
        if error and error not in _HARMLESS and "already" not in error:
            raise BrokerRefused(f"The broker refused {response.get('command')}: {error}.")
