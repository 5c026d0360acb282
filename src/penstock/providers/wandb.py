"""W&B Inference, of CoreWeave. https://docs.coreweave.com/products/inference/serverless (read
2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat


class WandB(HTTPProvider):
    url = "https://wandb.ai"
    base_url = "https://api.inference.wandb.ai/v1"
    api_key_env = "WANDB_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "deepseek-ai/DeepSeek-V4.1-Flash", "google/gemma-4-26B-A4B-it"
    answers_unasked = False
