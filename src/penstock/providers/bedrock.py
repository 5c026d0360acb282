"""AWS Bedrock. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
(read 2026-11-21)"""

import re

from penstock.accounts.aws import REGION, AWSAccount
from penstock.http_provider import HTTPProvider
from penstock.prefills import CLAUDE
from penstock.protocols.bedrock_converse import BedrockConverse

# Bedrock's own hosts (plain, FIPS, dual-stack, in a VPC), and the region that each is in.
_HOME = re.compile(
    r"https://(?:[\w.-]+\.)?bedrock-runtime(?:-fips)?\.([a-z]+(?:-[a-z]+)+-[0-9]+)"
    r"\.(?:(?:vpce\.)?amazonaws\.com(?:\.cn)?|api\.aws)(?::443)?(?:/.*)?"
)


class Bedrock(HTTPProvider):
    """AWS Bedrock, by its Converse API, in the region that ``AWS_REGION`` names; with a key of
    Bedrock's own, or else with an AWS account, which only signs."""

    url = "https://aws.amazon.com/bedrock"
    base_url = f"https://bedrock-runtime.{{{REGION}}}.amazonaws.com"
    api_key_env = "AWS_BEARER_TOKEN_BEDROCK"
    account = AWSAccount("bedrock", _HOME)
    protocol = BedrockConverse()
    prefilled = CLAUDE
    default_model, small_model = "amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0"
    embedding_model = "amazon.titan-embed-text-v2:0"
    answers_unasked = False

    def home(self) -> str:
        base = super().home()
        return f"{base}.cn" if base.startswith("https://bedrock-runtime.cn-") else base

    def is_home(self, url: str) -> bool:
        return _HOME.fullmatch(url) is not None
