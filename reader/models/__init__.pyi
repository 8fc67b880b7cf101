from .bundled import (
    fetch as fetch,
    is_bundled as is_bundled,
    is_fetched as is_fetched,
    remove as remove,
)
from .catalogue import (
    DEFAULT_MODEL as DEFAULT_MODEL,
    BundledDecoder as BundledDecoder,
    bundled_decoder as bundled_decoder,
    catalogue as catalogue,
)
from .decoder import Decoder as Decoder, load_decoder as load_decoder, load_tokenizer as load_tokenizer
from .model import Model as Model, load_model as load_model
from .plugin_files import PluginWeights as PluginWeights
from .reporting import Progress as Progress
from .token_counts import count_tokens as count_tokens

__all__ = [
    "DEFAULT_MODEL",
    "BundledDecoder",
    "Decoder",
    "Model",
    "PluginWeights",
    "Progress",
    "bundled_decoder",
    "catalogue",
    "count_tokens",
    "fetch",
    "is_bundled",
    "is_fetched",
    "load_decoder",
    "load_model",
    "load_tokenizer",
    "remove",
]
