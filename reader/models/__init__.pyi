from .decoder import (
    DEFAULT_MODEL as DEFAULT_MODEL,
    count_tokens as count_tokens,
    load_decoder as load_decoder,
    load_tokenizer as load_tokenizer,
)
from .model import Model as Model, PluginWeights as PluginWeights, load_model as load_model

__all__ = ["DEFAULT_MODEL", "Model", "PluginWeights", "count_tokens", "load_decoder", "load_model", "load_tokenizer"]
