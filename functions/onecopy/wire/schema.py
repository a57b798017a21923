"""NMS's structures by name: what each one holds, in the order of the standard's XML schema.

This is the one description of the XML; reading and writing both follow it. What Onecopy adds to a structure
is not named here: it is written behind NMS's own members, and read as it comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

NAMESPACE = "urn:oma:xml:rest:netapi:nms:1"

TEXT, NUMBER, BOOLEAN = "text", "number", "boolean"

ANSWERS = frozenset(
    """object objectList objectReferenceList folder folderList flagList reference name bulkResponseList
    nmsSubscription nmsSubscriptionList nmsEventList requestError empty""".split()
)
"""The structures that an answer may be in XML."""

_STRUCTURES = """
object: parentFolder parentFolderPath attributes flags resourceURL path payloadURL payloadPart*? lastModSeq# \
    correlationId correlationTag
attributes: attribute*
attribute: name value*
flags: flag* resourceURL
payloadPart: href contentType size# contentId contentLocation contentDisposition contentEncoding
folder: parentFolder parentFolderPath attributes resourceURL path name lastModSeq# cursor subFolders objects
subFolders: folderReference=reference*
folders: folderReference=reference*
objects: objectReference=reference*
objectList: object* cursor creationCursor
objectReferenceList: objectReference=reference* cursor
folderList: folder* cursor
flagList: flag* resourceURL
reference: resourceURL path
pathList: path*
targetSourceRef: targetRef=reference sourceRefs selectionCriteria
sourceRefs: folders objects
bulkUpdate: objects operation flags selectionCriteria
bulkDelete: objects selectionCriteria
selectionCriteria: fromCursor maxEntries# searchCriteria searchScope=reference nonRecursiveScope! \
    sortCriteria sortCriterion=sortCriteria
searchCriteria: criterion* operator
sortCriteria: criterion*? sortCriterion=criterion*?
criterion: type name value order
nmsSubscriptionList: subscription=nmsSubscription* resourceURL
nmsSubscription: callbackReference duration# filter=searchCriteria clientCorrelator resourceURL index# \
    restartToken
callbackReference: notifyURL callbackData notificationFormat
nmsSubscriptionUpdate: duration# restartToken
nmsEventList: nmsEvent* callbackData index# restartToken link*?
nmsEvent: changedObject deletedObject expiredObject changedFolder deletedFolder expiredFolder resetBox
changedObject: parentFolder flags resourceURL lastModSeq# correlationId correlationTag attributes payloadURL \
    payloadPart*?
deletedObject: resourceURL lastModSeq# correlationId correlationTag
expiredObject: resourceURL lastModSeq# correlationId correlationTag
changedFolder: parentFolder resourceURL name lastModSeq# attributes
deletedFolder: resourceURL lastModSeq#
expiredFolder: resourceURL lastModSeq#
resetBox:
link: rel href
bulkResponseList: response*
response: code# reason success=reference failure=requestError
requestError: serviceException policyException
serviceException: messageId text variables*?
policyException: messageId text variables*?
"""
"""`*` a list, `*?` one that may be absent, `#` a number, `!` a boolean, `=` another structure's name.

Any other member is the structure of its own name, if there is one, and text if not. In a changed… event, what
a listing adds to NMS's own stands last.
"""


@dataclass(frozen=True)
class Member:
    """`kind`: a structure's name, or TEXT, NUMBER or BOOLEAN. `many`: it is a list, which is empty if no
    element of its name is there, unless it is `optional`.
    """

    name: str
    kind: str
    many: bool = False
    optional: bool = False


def _member(written: str, names: frozenset[str]) -> Member:
    name = written.rstrip("*?#!")
    marks = written[len(name) :]
    name, _, structure = name.partition("=")
    kind = structure or (name if name in names else TEXT)
    if "#" in marks:
        kind = NUMBER
    elif "!" in marks:
        kind = BOOLEAN
    return Member(name, kind, "*" in marks, "?" in marks)


def _structures(text: str) -> dict[str, dict[str, Member]]:
    lines = [line.split(":", 1) for line in text.strip().splitlines()]
    names = frozenset(name for name, _ in lines)
    return {
        name: {member.name: member for member in (_member(written, names) for written in members.split())}
        for name, members in lines
    }


STRUCTURES: Mapping[str, Mapping[str, Member]] = _structures(_STRUCTURES)
"""Each structure's members by name, in the schema's order."""
