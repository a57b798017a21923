"""Objects (NMS): create from form-data or by a direct upload, show, delete, find by path."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from onecopy.domain.errors import InvalidInput, NMSError, TooLarge, Unknown
from onecopy.domain.folder import split_path
from onecopy.domain.ids import FolderId, ObjectId, is_id
from onecopy.handlers.edge.idempotency_key import once
from onecopy.handlers.edge.request import etag
from onecopy.handlers.routes import CREATE, MODIFY, READ, Answer, Request, Route
from onecopy.handlers.routes.shared.items import answers, below, each, paths_of
from onecopy.handlers.routes.uploads import shown
from onecopy.store.box import folders, lookups, objects, uploads
from onecopy.store.box.objects import Item
from onecopy.store.commit.once import Codec
from onecopy.store.commit.outcome import Outcome
from onecopy.wire import forms, inward, outward
from onecopy.wire.structures import ObjectIn, checked_parts


def create_object(request: Request) -> Answer:
    if request.is_form:
        one = forms.single(form_of(request))
        return once(request, forms.content([one]), partial(_create, one))
    raw = request.json()
    given = inward.object_body(raw)
    if given.payload_part is not None:
        return _direct(request, raw, given)
    return once(request, raw, partial(_create, (given, [])))


def _create(one: forms.Given, request: Request) -> Answer:
    return _created(request, _make(request, [one])[0])


def form_of(request: Request) -> forms.Form:
    if len(request.body) > request.settings.inline_limit:
        raise TooLarge("size")
    return forms.Form(request.body, request.content_type)


def _created(request: Request, result: Outcome | NMSError) -> Answer:
    if isinstance(result, NMSError):
        raise result
    object_id = ObjectId(result.thing_id)
    url = request.urls.object(object_id)
    reference = outward.reference(url, _path(_parents(request, [result]), result))
    return Answer(201, {"reference": reference}, {"location": url, **etag(result.last_mod_seq)})


def bulk_create(request: Request) -> Answer:
    """Makes as many objects as there are attachments, each by itself. Refused if none could be made."""
    if not request.is_form:
        raise InvalidInput("Content-Type")
    given = forms.many(form_of(request))
    good = sum(isinstance(_item(request, *one), Item) for one in given)

    def work(request: Request) -> Answer:
        results = _make(request, given)
        if all(isinstance(result, NMSError) for result in results) and isinstance(results[0], NMSError):
            raise results[0]
        paths = _parents(request, [result for result in results if isinstance(result, Outcome)])
        return Answer(200, outward.bulk_response([_bulk_item(request, one, paths) for one in results]))

    return once(request, forms.content(given), work, good)


def _bulk_item(
    request: Request, result: Outcome | NMSError, paths: Mapping[FolderId, str]
) -> tuple[int, outward.Json] | NMSError:
    if isinstance(result, NMSError):
        return result
    return 201, outward.reference(request.urls.object(ObjectId(result.thing_id)), _path(paths, result))


def _parents(request: Request, made: Sequence[Outcome]) -> dict[FolderId, str]:
    """The paths of the folders that the objects were made in, if those are still there."""
    known = {one.folder.folder_id: one.folder for one in made if one.folder}
    others = {one.parent for one in made if one.parent and one.parent not in known}
    if others:
        with suppress(NMSError):
            known |= folders.find_many(request.store, request.key, sorted(others))
    return paths_of(request, known.values())


def _path(paths: Mapping[FolderId, str], made: Outcome) -> str | None:
    return below(paths.get(made.parent) if made.parent else None, made.thing_id)


def _make(request: Request, given: list[forms.Given]) -> list[Outcome | NMSError]:
    """Notes the bytes, puts them into the bucket, and then commits them with their links. Objects that an
    earlier try of the request has made keep the bytes they have.
    """
    items: list[Item | NMSError] = [_item(request, *one) for one in given]
    bodies = [forms.bodies(one) for one in given]
    good_ones = [n for n, item in enumerate(items) if isinstance(item, Item)]
    done = len(request.store.once.told) if request.store.once else 0
    with_content = [n for n in good_ones[done:] if bodies[n]]
    parts = [len(bodies[n]) for n in with_content]
    intake, keys = uploads.note_intake(request.store, len(parts), parts) if parts else (None, [])
    puts = []
    for n, content_key in zip(with_content, keys, strict=True):
        item = items[n]
        if isinstance(item, Item):
            items[n] = item.at(content_key)
            puts += [
                (f"{content_key}/{number}", part, body)
                for number, (part, body) in enumerate(zip(item.parts, bodies[n], strict=True), start=1)
            ]
    if puts:
        request.contents.put(puts)
    network = request.caller.is_network
    return answers(items, lambda good: objects.create(request.store, request.key, good, network, intake))


def _item(
    request: Request, given: ObjectIn | NMSError, attachments: list[forms.Attachment]
) -> Item | NMSError:
    if isinstance(given, NMSError):
        return given
    try:
        parts = checked_parts(tuple(attachment.part for attachment in attachments))
        return Item(_place(request, given), given.given(), None, parts)
    except InvalidInput as error:
        return error


def _place(request: Request, given: ObjectIn) -> folders.Place:
    if given.parent_folder is not None and given.parent_folder_path is not None:
        raise InvalidInput("parentFolder")
    if given.parent_folder is not None:
        return request.urls.folder_id(given.parent_folder, "parentFolder")
    if given.parent_folder_path is not None:
        return inward.parent_path(given.parent_folder_path)
    return folders.DEFAULT_PLACE


def _direct(request: Request, raw: object, given: ObjectIn) -> Answer:
    """Answers where to upload the parts of a new object. It appears when they have all arrived."""
    request.check_json()
    parts = given.parts()
    place = _place(request, given)

    def work(request: Request) -> Answer:
        window, network = request.settings.upload_window, request.caller.is_network
        row = uploads.begin(request.store, request.key, place, given.given(), parts, network, window)
        headers = {"location": request.urls.upload(ObjectId(row.object_id))}
        return Answer(202, shown(request, row), headers)

    return once(request, raw, work, codec=Codec(uploads.encode, partial(uploads.decode, parts)))


def get_object(request: Request, object_id: str) -> Answer:
    link = objects.find(request.store, request.key, ObjectId(object_id), request.match)
    parent = folders.find(request.store, request.key, link.parent)
    path = below(folders.path(request.store, request.key, parent), object_id)
    return Answer(200, {"object": outward.object_(link, request.urls, path)}, etag(link.last_mod_seq))


def delete_object(request: Request, object_id: str) -> Answer:
    objects.delete(request.store, request.key, ObjectId(object_id), request.match)
    return Answer(204)


def path_to_id(request: Request) -> Answer:
    path = request.query.get("path", "")
    [found] = _at(request, [path])
    if isinstance(found, NMSError):
        raise found
    return Answer(200, {"reference": outward.reference(request.urls.object(found), path)})


def paths_to_ids(request: Request) -> Answer:
    paths = inward.path_list(request.json(inward.LIST_LIMIT))
    return Answer(
        200, outward.bulk_response(list(map(partial(_found_item, request), paths, _at(request, paths))))
    )


def _found_item(
    request: Request, path: str, found: ObjectId | NMSError
) -> tuple[int, outward.Json] | NMSError:
    if isinstance(found, Unknown):
        return InvalidInput("path")
    if isinstance(found, NMSError):
        return found
    return 200, outward.reference(request.urls.object(found), path)


def _at(request: Request, paths: Sequence[str]) -> list[ObjectId | NMSError]:
    return each(paths, _names_and_id, partial(lookups.objects_at, request.store, request.key))


def _names_and_id(path: str) -> tuple[folders.Names, ObjectId]:
    folder_path, _, last = path.rpartition("/")
    try:
        names = split_path(folder_path, "path")
    except InvalidInput as error:
        raise Unknown("path") from error
    if not is_id(last):
        raise Unknown("path")
    return names, ObjectId(last)


ROUTES = [
    Route("POST", "/objects", CREATE, create_object, stores=True),
    Route("POST", "/objects/operations/bulkCreation", CREATE, bulk_create, stores=True),
    Route("GET", "/objects/operations/pathToId", READ, path_to_id),
    Route("POST", "/objects/operations/pathToId", READ, paths_to_ids),
    Route("GET", "/objects/<object_id>", READ, get_object),
    Route("DELETE", "/objects/<object_id>", MODIFY, delete_object),
]
