"""Objects (NMS): made from form-data or by a direct upload, shown, deleted, found by path."""

from onecopy.domain.errors import InvalidInput, NMSError, TooLarge, Unknown
from onecopy.domain.folder import split_path
from onecopy.domain.ids import ObjectId, is_id
from onecopy.handlers.routes import CREATE, MODIFY, READ, Answer, Request, Route
from onecopy.handlers.routes.uploads import shown
from onecopy.store import folders, objects, uploads
from onecopy.store.objects import Item, Made
from onecopy.wire import forms, inward, outward
from onecopy.wire.structures import ObjectIn, checked_parts


def create_object(request: Request) -> Answer:
    if request.is_form:
        return _from_form(request)
    given = inward.object_body(request.json())
    if given.payload_part is not None:
        return _direct(request, given)
    return _created(request, _make(request, [(given, [])])[0])


def _from_form(request: Request) -> Answer:
    given, attachments = forms.single(_form(request))
    return _created(request, _make(request, [(given, attachments)])[0])


def _form(request: Request) -> forms.Form:
    if len(request.body) > request.settings.inline_limit:
        raise TooLarge("size")
    return forms.Form(request.body, request.content_type)


def _created(request: Request, result: Made | NMSError) -> Answer:
    if isinstance(result, NMSError):
        raise result
    url = request.urls.object(result.link.object_id)
    path = folders.path(request.store, request.key, result.folder)
    reference = outward.reference(url, f"{path}/{result.link.object_id}")
    return Answer(201, {"reference": reference}, {"location": url, "etag": f'"{result.link.last_mod_seq}"'})


def bulk_create(request: Request) -> Answer:
    """As many objects as there are attachments; each is whole in itself. Refused if none could be made."""
    if not request.is_form:
        raise InvalidInput("Content-Type")
    results = _make(request, forms.many(_form(request)))
    if all(isinstance(result, NMSError) for result in results) and isinstance(results[0], NMSError):
        raise results[0]
    paths: dict[str, str] = {}
    return Answer(200, outward.bulk_response([_bulk_item(request, result, paths) for result in results]))


def _bulk_item(
    request: Request, result: Made | NMSError, paths: dict[str, str]
) -> tuple[int, outward.Json] | NMSError:
    if isinstance(result, NMSError):
        return result
    folder_id = result.folder.folder_id
    if folder_id not in paths:
        paths[folder_id] = folders.path(request.store, request.key, result.folder)
    object_id = result.link.object_id
    return 201, outward.reference(request.urls.object(object_id), f"{paths[folder_id]}/{object_id}")


def _make(request: Request, given: list[forms.Given]) -> list[Made | NMSError]:
    """Bytes into the bucket, noted before; then the links, which commit them."""
    items: list[Item | NMSError] = [_item(request, *one) for one in given]
    bodies = [forms.bodies(one) for one in given]
    with_content = [n for n, item in enumerate(items) if isinstance(item, Item) and bodies[n]]
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
    good = [item for item in items if isinstance(item, Item)]
    made = iter(objects.create(request.store, request.key, good, request.caller.is_network, intake))
    return [next(made) if isinstance(item, Item) else item for item in items]


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


def _direct(request: Request, given: ObjectIn) -> Answer:
    """An object to come: where to put its parts. It appears when they have all arrived."""
    parts = given.parts()
    place = _place(request, given)
    window = request.settings.upload_window
    network = request.caller.is_network
    row = uploads.begin(request.store, request.key, place, given.given(), parts, network, window)
    headers = {"location": request.urls.upload(ObjectId(row.object_id)), "cache-control": "no-store"}
    return Answer(202, shown(request, row), headers)


def get_object(request: Request, object_id: str) -> Answer:
    link = objects.find(request.store, request.key, ObjectId(object_id))
    parent = folders.find(request.store, request.key, link.parent)
    path = f"{folders.path(request.store, request.key, parent).rstrip('/')}/{object_id}"
    etag = {"etag": f'"{link.last_mod_seq}"'}
    return Answer(200, {"object": outward.object_(link, request.urls, path)}, etag)


def delete_object(request: Request, object_id: str) -> Answer:
    objects.delete(request.store, request.key, ObjectId(object_id))
    return Answer(204)


def path_to_id(request: Request) -> Answer:
    path = request.query.get("path", "")
    try:
        object_id = _at(request, path)
    except NMSError as error:
        raise Unknown("path") from error
    return Answer(200, {"reference": outward.reference(request.urls.object(object_id), path)})


def paths_to_ids(request: Request) -> Answer:
    items: list[tuple[int, outward.Json] | NMSError] = []
    for path in inward.path_list(request.json()):
        try:
            items.append((200, outward.reference(request.urls.object(_at(request, path)), path)))
        except NMSError:
            items.append(InvalidInput("path"))
    return Answer(200, outward.bulk_response(items))


def _at(request: Request, path: str) -> ObjectId:
    """The object, if it lies where the path says."""
    folder_path, _, last = path.rpartition("/")
    if not is_id(last):
        raise Unknown("path")
    folder_id = folders.find_path(request.store, request.key, split_path(folder_path, "path"))
    link = objects.find(request.store, request.key, ObjectId(last))
    if link.parent != folder_id:
        raise Unknown("path")
    return link.object_id


ROUTES = [
    Route("POST", "/objects", CREATE, create_object, stores=True),
    Route("POST", "/objects/operations/bulkCreation", CREATE, bulk_create, stores=True),
    Route("GET", "/objects/operations/pathToId", READ, path_to_id),
    Route("POST", "/objects/operations/pathToId", READ, paths_to_ids),
    Route("GET", "/objects/<object_id>", READ, get_object),
    Route("DELETE", "/objects/<object_id>", MODIFY, delete_object),
]
