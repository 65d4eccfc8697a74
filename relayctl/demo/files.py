"""The stand-in's files, which both APIs upload, list, read and delete. They are held in memory."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from aiohttp import web
from aiohttp.web_request import FileField

from relayctl.demo.failures import failure, is_anthropic
from relayctl.demo.formats.pages import anthropic_page, openai_page

_MAX_STORED_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """A file; `described` is its metadata in the format of the API that uploaded it."""

    anthropic: bool
    described: dict[str, Any]
    content: bytes
    media_type: str


class Files:
    """The handlers of `/v1/files`. Each API sees its own files. Beyond 256 MiB the oldest are deleted."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def routes(self) -> list[web.RouteDef]:
        """The routes of both APIs."""
        one = "/v1/files/{id}"
        return [
            web.post("/v1/files", self.upload),
            web.get("/v1/files", self.listing),
            web.get(one, self.retrieve),
            web.delete(one, self.delete),
            web.get(f"{one}/content", self.content),
        ]

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/files`, a multipart form."""
        anthropic = is_anthropic(request)
        form = await _form(request)
        file, purpose = form.get("file"), form.get("purpose")
        if not isinstance(file, tuple):
            raise failure(request, 400, "'file' is a required property")
        if not anthropic and not isinstance(purpose, str):
            raise failure(request, 400, "'purpose' is a required property")
        name, media_type, content = file
        describe = _anthropic_file if anthropic else _openai_file
        described = describe(name, media_type, content, form)
        self._files[described["id"]] = _File(
            anthropic=anthropic, described=described, content=content, media_type=media_type
        )
        while sum(len(stored.content) for stored in self._files.values()) > _MAX_STORED_BYTES:
            del self._files[next(iter(self._files))]
        return web.json_response(described)

    async def listing(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/files`, in pages."""
        anthropic = is_anthropic(request)
        found = [file.described for file in self._files.values() if file.anthropic == anthropic]
        if purpose := request.query.get("purpose"):
            found = [described for described in found if described.get("purpose") == purpose]
        if ids := request.query.getall("ids", []) + request.query.getall("ids[]", []):
            found = [described for described in found if described["id"] in ids]
        try:
            # Anthropic lists the newest first, OpenAI does unless it is asked otherwise.
            page = (
                anthropic_page(found[::-1], request.query) if anthropic else openai_page(found, request.query)
            )
        except ValueError:
            raise failure(request, 400, "Invalid value for 'limit'") from None
        return web.json_response(page)

    async def retrieve(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/files/{id}`."""
        return web.json_response(self._file(request).described)

    async def content(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/files/{id}/content`."""
        file = self._file(request)
        return web.Response(body=file.content, headers={"Content-Type": file.media_type})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v1/files/{id}`."""
        file_id = self._file(request).described["id"]
        del self._files[file_id]
        if is_anthropic(request):
            return web.json_response({"id": file_id, "type": "file_deleted"})
        return web.json_response({"id": file_id, "object": "file", "deleted": True})

    def _file(self, request: web.Request) -> _File:
        file = self._files.get(request.match_info["id"])
        if file is None or file.anthropic != is_anthropic(request):
            raise failure(request, 404, f"No such File object: {request.match_info['id']}")
        return file


async def _form(request: web.Request) -> dict[str, str | tuple[str, str, bytes]]:
    """The fields of a form; a file is its name, media type and content."""
    try:
        posted = await request.post()
    except ValueError:
        raise failure(request, 400, "The body is not a form") from None
    form: dict[str, str | tuple[str, str, bytes]] = {}
    with ExitStack() as opened:
        for name, value in posted.items():
            if isinstance(value, FileField):
                file = opened.enter_context(value.file)
                form[name] = (value.filename, value.content_type, file.read())
            elif isinstance(value, str):
                form[name] = value
    return form


def _openai_file(name: str, _media_type: str, content: bytes, form: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    seconds = str(form.get("expires_after[seconds]", ""))
    return {
        "id": f"file-{uuid4().hex[:22]}",
        "object": "file",
        "bytes": len(content),
        "created_at": now,
        "expires_at": now + int(seconds) if seconds.isdecimal() else None,
        "filename": name,
        "purpose": form["purpose"],
        "status": "processed",
        "status_details": None,
    }


def _anthropic_file(name: str, media_type: str, content: bytes, _form: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"file_{uuid4().hex[:24]}",
        "type": "file",
        "filename": name,
        "mime_type": media_type,
        "size_bytes": len(content),
        "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "downloadable": True,
    }
