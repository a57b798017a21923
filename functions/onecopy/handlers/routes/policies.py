"""What the provider has decided for every box (Onecopy's own resource): the sync policy and the limits."""

from onecopy.domain import content, criteria, interest, link, subscription
from onecopy.domain.box import MAX_DEPTH
from onecopy.handlers.routes import READ, Answer, Request, Route
from onecopy.push import address
from onecopy.store import expiring_boxes
from onecopy.store.box import log
from onecopy.wire import inward, outward, structures
from onecopy.wire.preferences import policy, policy_shown


def get_policies(request: Request) -> Answer:
    box = log.read_box(request.store, request.key)  # refuses an owner whose box is closed
    return Answer(200, {"policies": in_force(request) | outward.room(request.store.quota, box)})


def in_force(request: Request) -> outward.Json:
    """All that is in force. Lengths are in characters, sizes in bytes, times in days or seconds."""
    given = request.settings
    sync = policy(given.sync_policy)
    shown: outward.Json = {"syncPolicy": policy_shown(sync)} if sync.text else {}
    if given.retains and (rules := expiring_boxes.in_force()):
        shown["retention"] = list(rules)
    return shown | {
        "limits": _limits(),
        "inlineLimit": given.inline_limit,
        "uploadWindow": int(given.upload_window.total_seconds()),
        "urlSeconds": int(given.url_lifetime.total_seconds()),
        "historyDays": given.history.days,
        "restoreDays": given.restore.days,
    }


def _limits() -> outward.Json:
    return {
        "flags": link.MOST_FLAGS,
        "flagLength": structures.LONGEST_FLAG,
        "attributes": structures.MOST_ATTRIBUTES,
        "attributeNameLength": structures.LONGEST_NAME,
        "attributeValueBytes": structures.VALUE_BYTES,
        "attributesBytes": structures.ATTRIBUTES_BYTES,
        "correlationLength": structures.LONGEST_NAME,
        "callbackDataBytes": inward.CALLBACK_DATA_BYTES,
        "notifyUrlBytes": address.MOST_BYTES,
        "payloadParts": content.MOST_PARTS,
        "partBytes": structures.LARGEST_UPLOAD,
        "jsonDepth": inward.DEPTH,
        "jsonBytes": inward.JSON_LIMIT,
        "references": structures.MOST_REFERENCES,
        "maxEntries": inward.MOST_PER_PAGE,
        "criteria": criteria.MOST_CRITERIA,
        "subscriptions": subscription.MOST,
        "folderDepth": MAX_DEPTH,
        "preferences": interest.MOST,
        "excludedFolders": interest.MOST_EXCLUDED,
        "messageContexts": interest.MOST_CONTEXTS,
    }


ROUTES = [Route("GET", "/policies", READ, get_policies, json_only=True)]
