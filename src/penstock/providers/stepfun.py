"""StepFun.

https://platform.stepfun.ai/docs/en/api-reference/chat/chat-completion-create (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class StepFun(HTTPProvider):
    """StepFun."""

    url = "https://platform.stepfun.ai"
    base_url = "https://api.stepfun.ai/v1"
    api_key_env = "STEPFUN_API_KEY|STEP_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "step-3.7-flash", "step-3.5-flash"
