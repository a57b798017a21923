"""For the routes that answer with many items, or with references to what they have just made."""

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from aws_lambda_powertools import Logger

from onecopy.domain.errors import NMSError, Unknown
from onecopy.domain.folder import Folder
from onecopy.domain.ids import FolderId, ObjectId
from onecopy.handlers.edge.request import Request
from onecopy.store.box import folders
from onecopy.wire.urls import NoSuchId

logger = Logger()

Given = TypeVar("Given")
Asked = TypeVar("Asked")
Found = TypeVar("Found")


def each(
    given: Sequence[Given],
    parse: Callable[[Given], Asked],
    find: Callable[[list[Asked]], Sequence[Found | NMSError]],
) -> list[Found | NMSError]:
    """An answer for each item, in the order given: `parse`'s error, or else what `find` answers for it."""
    return answers(parsed(given, parse), find)


def parsed(given: Sequence[Given], parse: Callable[[Given], Asked]) -> list[Asked | NMSError]:
    found: list[Asked | NMSError] = []
    for one in given:
        try:
            found.append(parse(one))
        except NMSError as error:
            found.append(error)
    return found


def answers(
    asked: Sequence[Asked | NMSError], find: Callable[[list[Asked]], Sequence[Found | NMSError]]
) -> list[Found | NMSError]:
    """`find`'s answers for what could be parsed, and the errors of the rest, in the order of `asked`."""
    found = iter(find([one for one in asked if not isinstance(one, NMSError)]))
    return [one if isinstance(one, NMSError) else next(found) for one in asked]


def object_ids(request: Request, urls: Sequence[str]) -> list[ObjectId | NMSError]:
    """The ids of the objects referred to. A reference to what no box ever holds is Unknown."""

    def object_id(url: str) -> ObjectId:
        try:
            return request.urls.object_id(url, "objectReference")
        except NoSuchId as error:
            raise Unknown("objectReference") from error

    return parsed(urls, object_id)


def paths_of(request: Request, made_in: Collection[Folder]) -> dict[FolderId, str]:
    """The folders' paths; none if they cannot be read. A commit is still answered as done, without a path."""
    try:
        return folders.paths(request.store, request.key, made_in)
    except Exception as error:
        logger.warning("answered without a path", extra={"error": type(error).__name__})
        return {}


def below(path: str | None, name: str) -> str | None:
    """The path of `name` in the folder at `path`; None if the folder's path is unknown."""
    return None if path is None else f"{path.rstrip('/')}/{name}"
