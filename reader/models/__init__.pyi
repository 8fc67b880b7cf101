from .bundled import (
    fetch as fetch,
    is_bundled as is_bundled,
    is_fetched as is_fetched,
    remove as remove,
)
from .catalogue import (
    DEFAULT_MODEL as DEFAULT_MODEL,
    ENCODER as ENCODER,
    BundledDecoder as BundledDecoder,
    bundled_decoder as bundled_decoder,
    catalogue as catalogue,
)
from .decoder import Decoder as Decoder, load_decoder as load_decoder, load_tokenizer as load_tokenizer
from .encoder import (
    SentenceEncoder as SentenceEncoder,
    fetch_encoder as fetch_encoder,
    is_encoder_fetched as is_encoder_fetched,
    remove_encoder as remove_encoder,
)
from .model import Model as Model, load_model as load_model
from .plugin_files import PluginWeights as PluginWeights
from .reporting import Progress as Progress
from .speed import (
    DecoderChoice as DecoderChoice,
    Speed as Speed,
    choose_decoder as choose_decoder,
    fits as fits,
    measure_speed as measure_speed,
    pass_rate as pass_rate,
    reading_speed as reading_speed,
)
from .token_counts import count_tokens as count_tokens

__all__ = [
    "DEFAULT_MODEL",
    "ENCODER",
    "BundledDecoder",
    "Decoder",
    "DecoderChoice",
    "Model",
    "PluginWeights",
    "Progress",
    "SentenceEncoder",
    "Speed",
    "bundled_decoder",
    "catalogue",
    "choose_decoder",
    "count_tokens",
    "fetch",
    "fetch_encoder",
    "fits",
    "is_bundled",
    "is_encoder_fetched",
    "is_fetched",
    "load_decoder",
    "load_model",
    "load_tokenizer",
    "measure_speed",
    "pass_rate",
    "reading_speed",
    "remove",
    "remove_encoder",
]
