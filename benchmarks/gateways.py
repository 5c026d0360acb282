"""The gateway beside a plain relay, as a table for the measuring harness (docs/performance.md)."""

import sys

_CONFIG = """
[providers.up]
type = "openai-compatible"
base_url = "{upstream}"
api_key = "sk-upstream"
"""

GATEWAYS = {
    "relay": {
        "command": [
            sys.executable,
            "{root}/benchmarks/relay.py",
            "--port",
            "{port}",
            "--upstream",
            "http://127.0.0.1:{upstream_port}",
        ],
        "url": "http://127.0.0.1:{port}/v1",
    },
    "penstock": {
        "command": [sys.executable, "-m", "penstock", "serve", "--port", "{port}"],
        "url": "http://127.0.0.1:{port}/v1",
        "model": "up/{model}",
        "files": {"penstock.toml": _CONFIG},
    },
}
