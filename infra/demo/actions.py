"""What a user does to messages, as requests of one device, and the pushed events that follow.

This module prints nothing, and does not decide what to copy or delete.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from infra.client.device import Device
from infra.receiver.receiver import Delivery, Receiver

PATIENCE = 60.0
LOOK = 0.1


class DidNotHappen(Exception):
    """Something that had to happen did not; the text says what."""


def create_folder(device: Device, parent_path: str, name: str) -> str:
    asked = {"folder": {"parentFolderPath": parent_path, "name": name}}
    answer = device.ask("POST", f"{device.base}/folders", json=asked)
    return str(answer.headers["Location"])


def copy(device: Device, target: str, folders: Sequence[str] = (), objects: Sequence[str] = ()) -> list[str]:
    """Copy them into `target`; returns the URLs of the new folders and objects."""
    return _carry(device, "copyToFolder", target, folders, objects)


def move(device: Device, target: str, folders: Sequence[str] = (), objects: Sequence[str] = ()) -> list[str]:
    return _carry(device, "moveToFolder", target, folders, objects)


def _carry(
    device: Device, operation: str, target: str, folders: Sequence[str], objects: Sequence[str]
) -> list[str]:
    sources = {
        "folders": {"folderReference": [{"resourceURL": url} for url in folders]},
        "objects": {"objectReference": [{"resourceURL": url} for url in objects]},
    }
    asked = {"targetSourceRef": {"targetRef": {"resourceURL": target}, "sourceRefs": sources}}
    answer = device.ask("POST", f"{device.base}/folders/operations/{operation}", json=asked)
    items = answer.json()["bulkResponseList"]["response"]
    refused = [item["code"] for item in items if "success" not in item]
    if refused:
        raise DidNotHappen(f"{operation} answered {refused[0]} for {len(refused)} of {len(items)}")
    return [item["success"]["resourceURL"] for item in items]


def flag(device: Device, object_url: str, encoded_name: str) -> None:
    device.ask("PUT", f"{object_url}/flags/{encoded_name}")


def delete(device: Device, object_url: str) -> None:
    device.ask("DELETE", object_url)


def subscribe(device: Device, receiver: Receiver) -> str:
    """Subscribe the receiver, and wait until its subscription is verified and active."""
    asked = {"nmsSubscription": {"callbackReference": {"notifyURL": receiver.url}}}
    made = device.ask("POST", f"{device.base}/subscriptions", json=asked).json()["nmsSubscription"]
    receiver.trust(made["secret"])
    url = str(made["resourceURL"])

    def is_active() -> bool:
        state: str = device.ask("GET", url).json()["nmsSubscription"]["state"]
        return state == "active"

    wait_until(is_active, "the subscription has not become active")
    return url


def pushed(receiver: Receiver, since: int, urls: Sequence[str]) -> list[tuple[float, dict[str, Any]]]:
    """Wait for an event of each resource in the deliveries from `since` on; returns times and events."""
    paths = {urlsplit(url).path for url in urls}

    def of_interest(deliveries: list[Delivery]) -> dict[str, tuple[float, dict[str, Any]]]:
        came: dict[str, tuple[float, dict[str, Any]]] = {}
        for delivery in deliveries[since:]:
            for event in delivery.events:
                (facts,) = event.values()
                path = _path(facts, "resourceURL")
                if path in paths:
                    came.setdefault(path, (delivery.at, event))
        return came

    seconds = patience(len(paths))
    if not receiver.wait_for(lambda deliveries: len(of_interest(deliveries)) == len(paths), seconds):
        raise DidNotHappen(f"the subscriber was not told within {seconds:.0f} s")
    return list(of_interest(receiver.deliveries).values())


def pushed_into(receiver: Receiver, folder_url: str, count: int) -> None:
    """Wait until events have announced so many objects in a folder."""
    folder = urlsplit(folder_url).path

    def told(deliveries: list[Delivery]) -> set[str]:
        events = (event for delivery in deliveries for event in delivery.events)
        changed = (event.get("changedObject", {}) for event in events)
        return {facts["resourceURL"] for facts in changed if _path(facts, "parentFolder") == folder}

    seconds = patience(count)
    if not receiver.wait_for(lambda deliveries: len(told(deliveries)) == count, seconds):
        raise DidNotHappen(f"the subscriber was not told of all {count:,} copies within {seconds:.0f} s")


def _path(facts: dict[str, Any], name: str) -> str:
    return urlsplit(str(facts.get(name, ""))).path


def patience(count: int) -> float:
    """Seconds within which any machine has done so many things, or never will."""
    return PATIENCE + count / 20


def wait_until(happened: Callable[[], bool], otherwise: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise DidNotHappen(f"{otherwise} within {seconds:.0f} s")
        time.sleep(LOOK)
