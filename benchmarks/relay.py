"""A plain aiohttp relay with no logic: what the gateway is measured against.

python benchmarks/relay.py --port 8082 --upstream http://127.0.0.1:8081
"""

import argparse
import asyncio

import aiohttp
import uvloop
from aiohttp import web


async def serve(port: int, upstream: str) -> None:
    timeout = aiohttp.ClientTimeout(total=None)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:

        async def relay(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            headers = {"Content-Type": request.headers["Content-Type"]}
            url = upstream + request.path
            async with session.request(request.method, url, data=body, headers=headers) as answer:
                kind = {"Content-Type": answer.headers["Content-Type"]}
                if "Content-Length" in answer.headers:
                    return web.Response(body=await answer.read(), headers=kind)
                response = web.StreamResponse(status=answer.status, headers=kind)
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                return response

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", relay)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.port, arguments.upstream))
