"""The gateway: callers' protocols in front, any provider behind.

routes.py    the table: method and path -> protocol
handler.py   one handler: decode the request, resolve the model, stream, encode
guard.py     who may ask: Host and Origin
listener.py  the sockets towards callers (aiohttp), behind a seam of its own
"""
