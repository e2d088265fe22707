"""Accounts in a city's Mosquitto, through its dynamic-security plugin: the same rights that the embedded broker gives.

The station signs in as an administrator of the plugin who may also use `loa/#` (see deploy/mosquitto). Everything here
may be done again: what exists is replaced, so the gateway provisions anew whenever wanted and seen differ.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiomqtt
import structlog

from speakers.errors import BrokerRefused
from speakers.rights import AccountChange, Accounts, Rights, Tell

log = structlog.get_logger(__name__)

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
    """The commands that let a new device in."""
    return [
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


def accounts(client: Callable[[], aiomqtt.Client]) -> Accounts:
    """Tells changes over one connection of `client()`; each may raise BrokerRefused or MqttError."""

    @contextlib.asynccontextmanager
    async def telling() -> AsyncIterator[Tell]:
        async with client() as connected:
            await connected.subscribe(RESPONSE, qos=1)

            async def tell(change: AccountChange) -> None:
                await _tell(connected, change)

            yield tell

    return telling


async def _tell(client: aiomqtt.Client, change: AccountChange) -> None:
    """The plugin writes its whole file for each command: what was is only taken away where something was."""
    name = change.speaker_id
    if change.rights is None:
        await _command(client, dismissal(name))
        return
    commands = admission(name, change.password, change.rights)
    if "already exists" in await _command(client, commands):
        log.info("device known to the broker, replaced", device=name)
        await _command(client, [*dismissal(name), *commands])


async def _command(client: aiomqtt.Client, commands: Sequence[dict[str, Any]]) -> str:
    """Gives commands and waits for the plugin's answer; returns what it objects to. Raises BrokerRefused."""
    # Mosquitto 2.0 acknowledges no control message: its answer is the acknowledgement.
    await client.publish(CONTROL, json.dumps({"commands": list(commands)}), qos=0)
    try:
        async with asyncio.timeout(_ANSWER_S):
            async for message in client.messages:
                return _objections(message.payload)
    except TimeoutError:
        raise BrokerRefused(
            "The broker does not answer on the dynamic-security topic. Load the plugin in mosquitto.conf "
            "and give LOA_MQTT_URL an administrator of it (see deploy/mosquitto/)."
        ) from None
    raise BrokerRefused("The broker ended the connection before it answered.")


_HARMLESS = {"Role not found", "Client not found", "Role already exists", "Client already exists"}


def _objections(payload: object) -> str:
    answer = json.loads(payload if isinstance(payload, bytes | str) else b"{}")
    objections = []
    for response in answer.get("responses", []):
        error = response.get("error", "")
        if error and error not in _HARMLESS:
            raise BrokerRefused(f"The broker refused {response.get('command')}: {error}.")
        objections.append(error)
    return " ".join(objections)
