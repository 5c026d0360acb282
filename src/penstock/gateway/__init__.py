"""The gateway: callers' protocols in front, any provider behind.

routes.py    the table: method and path -> protocol
handler.py   one handler: decode the request, resolve the model, stream, encode
question.py  a caller's question, put to a provider or over a route
relay.py, translation.py  the answer: the service's own bytes, or events in between
guard.py     who may ask: Host and Origin
listener.py  the sockets towards callers (aiohttp), behind a seam of its own
"""
