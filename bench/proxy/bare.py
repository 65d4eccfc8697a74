"""The baseline: a bare pass-through of aiohttp's server and client on uvloop, without an access log.

python -m bench.proxy.bare PORT PROVIDER_PORT
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import uvloop
from aiohttp import web
from multidict import CIMultiDict

_FRAMING = ("Host", "Content-Length", "Transfer-Encoding", "Connection")


async def main(port: int, provider: int) -> None:
    """Serves until it is stopped."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), auto_decompress=False
    ) as session:

        async def handle(http: web.Request) -> web.Response:
            headers = CIMultiDict(http.headers)
            for name in _FRAMING:
                headers.pop(name, None)
            url = f"http://127.0.0.1:{provider}{http.path_qs}"
            body = await http.read()
            async with session.request(http.method, url, headers=headers, data=body) as answer:
                passed = CIMultiDict(answer.headers)
                for name in _FRAMING:
                    passed.pop(name, None)
                return web.Response(status=answer.status, headers=passed, body=await answer.read())

        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
