"""AWS Bedrock's OpenAI chat. https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html
(read 2026-11-21)"""

import re

from penstock.accounts.aws import REGION, AWSAccount
from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat

_HOME = re.compile(r"https://bedrock-mantle\.([a-z]+(?:-[a-z]+)+-[0-9]+)\.api\.aws(?:/.*)?")


class BedrockOpenAI(HTTPProvider):
    """Open models on AWS Bedrock, as OpenAI chat."""

    url = "https://aws.amazon.com/bedrock"
    base_url = f"https://bedrock-mantle.{{{REGION}}}.api.aws/v1"
    api_key_env = "AWS_BEARER_TOKEN_BEDROCK"
    account = AWSAccount("bedrock", _HOME)
    protocol = OpenAIChat()
    default_model, small_model = "openai.gpt-oss-120b", "openai.gpt-oss-20b"
    embeddings = None
    answers_unasked = False

    def is_home(self, url: str) -> bool:
        return _HOME.fullmatch(url) is not None
