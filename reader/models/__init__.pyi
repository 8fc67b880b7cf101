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
from .speed import (
    DecoderChoice as DecoderChoice,
    Speed as Speed,
    choose_decoder as choose_decoder,
    fits as fits,
    measure_speed as measure_speed,
    reading_speed as reading_speed,
)
from .token_counts import count_tokens as count_tokens

__all__ = [
    "DEFAULT_MODEL",
    "BundledDecoder",
    "Decoder",
    "DecoderChoice",
    "Model",
    "PluginWeights",
    "Progress",
    "Speed",
    "bundled_decoder",
    "catalogue",
    "choose_decoder",
    "count_tokens",
    "fetch",
    "fits",
    "is_bundled",
    "is_fetched",
    "load_decoder",
    "load_model",
    "load_tokenizer",
    "measure_speed",
    "reading_speed",
    "remove",
]
