"""The `models` commands: list the bundled decoders, the sentence encoder and their cost, fetch one, remove one."""

from __future__ import annotations

import argparse
from typing import Any

from rich.markup import escape
from rich.table import Column, Table

from reader.settings import cache_folder
from reader.shell import flags
from reader.shell.loading import loading_bar
from reader.shell.terminal import PROGRAM, console, print_json, print_table, print_warning
from reader.wording import duration, size


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `models`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser(
        "list", help="list the bundled decoders, the sentence encoder, and their cost on this machine"
    )
    flags.add_json(listing)
    listing.set_defaults(run=_list)
    fetching = actions.add_parser("fetch", help="fetch one; an interrupted fetch continues")
    fetching.add_argument("name", metavar="NAME", help="of a bundled decoder or the sentence encoder")
    flags.add_json(fetching)
    fetching.set_defaults(run=_fetch)
    removing = actions.add_parser("remove", help="delete one from the disk; documents and memories stay")
    removing.add_argument("name", metavar="NAME", help="of a bundled decoder or the sentence encoder")
    flags.add_json(removing)
    removing.set_defaults(run=_remove)


def _list(options: argparse.Namespace) -> None:
    from reader.models import ENCODER, catalogue, choose_decoder

    rows = [_costs(decoder.name) for decoder in catalogue()]
    encoder = _encoder_costs()
    choice = choose_decoder(cache_folder=cache_folder())
    if options.json:
        print_json(
            {
                "decoders": rows,
                "default": choice.name,
                "better": choice.better,
                "reason": choice.reason,
                "encoder": encoder,
            }
        )
        return
    names = Column("Name", no_wrap=True, min_width=max(len(row["name"]) for row in rows))
    figures = ("Weights", "Positions", "To fetch", "On disk", "Memory", "1,000 tokens")
    table = Table(names, *(Column(name, justify="right") for name in figures), box=None)
    for row in rows:
        about = "" if row["speed_basis"] == "measured" else "~"
        table.add_row(
            f"{escape(row['name'])}\n[dim]{row['licence']}[/]",
            f"{row['parameters'] / 1e6:,.0f} M",
            f"{row['positions']:,}",
            "here" if row["fetched"] else size(row["fetch_bytes"]),
            size(row["folder_bytes"]),
            size(row["ram_bytes"]),
            f"{about}{row['seconds_per_1000_tokens']:.1f} s",
        )
    print_table(table)
    print(choice.reason)
    cost = f"{size(encoder['fetch_bytes'])} to fetch, {size(encoder['folder_bytes'])} on the disk"
    state = "here" if encoder["fetched"] else f"not here: {PROGRAM} models fetch {ENCODER.name}"
    print(f"Passages are found by meaning, too, with {ENCODER.name} ({encoder['licence']}; {cost}): {state}.")


def _fetch(options: argparse.Namespace) -> None:
    from reader.models import ENCODER, bundled_decoder, fetch, fetch_encoder, fits, is_fetched, measure_speed

    if options.name == ENCODER.name:
        with loading_bar() as show:
            folder = fetch_encoder(show, cache_folder=cache_folder())
        if options.json:
            print_json(_encoder_costs() | {"folder": str(folder)})
        else:
            print(f"{ENCODER.name} is here: documents are searched by meaning, too.")
        return
    decoder = bundled_decoder(options.name)
    if not is_fetched(decoder.name, cache_folder()):
        console.print(
            f"{escape(decoder.title)}: {size(decoder.parts_bytes)} to fetch, at most {size(decoder.disk_bytes)} on the "
            f"disk and {size(decoder.convert_ram_bytes)} in memory on the way, {size(decoder.folder_bytes)} on the disk then."
        )
        if not fits(decoder):
            print_warning("This is more than the free memory: close other programs if the fetch fails.")
    with loading_bar() as show:
        folder = fetch(decoder.name, show, cache_folder=cache_folder())
        show("measure", 0.0)
        speed = measure_speed(decoder.name, cache_folder=cache_folder())
    if options.json:
        print_json(_costs(decoder.name) | {"folder": str(folder)})
        return
    print(f"{decoder.name} is here: it reads 1,000 tokens in {duration(speed.seconds)}. Use it: --model {decoder.name}")


def _remove(options: argparse.Namespace) -> None:
    from reader.models import ENCODER, remove, remove_encoder

    if options.name == ENCODER.name:
        freed = remove_encoder(cache_folder=cache_folder())
    else:
        freed = remove(options.name, cache_folder=cache_folder())
    if options.json:
        print_json({"name": options.name, "freed_bytes": freed})
    else:
        print(f"{options.name} was not fetched." if not freed else f"{options.name} removed: {size(freed)} freed.")


def _encoder_costs() -> dict[str, Any]:
    from reader.models import ENCODER, is_encoder_fetched

    return {
        "name": ENCODER.name,
        "title": ENCODER.title,
        "licence": ENCODER.licence,
        "parameters": ENCODER.parameters,
        "fetch_bytes": ENCODER.parts_bytes,
        "folder_bytes": ENCODER.files_bytes,
        "fetched": is_encoder_fetched(cache_folder()),
    }


def _costs(name: str) -> dict[str, Any]:
    from reader.models import bundled_decoder, is_fetched, reading_speed

    decoder, speed = bundled_decoder(name), reading_speed(name, cache_folder=cache_folder())
    return {
        "name": decoder.name,
        "title": decoder.title,
        "licence": decoder.licence,
        "parameters": decoder.parameters,
        "positions": decoder.positions,
        "fetch_bytes": decoder.parts_bytes,
        "folder_bytes": decoder.folder_bytes,
        "ram_bytes": decoder.ram_bytes,
        "slot_bytes": decoder.slot_bytes,
        "seconds_per_1000_tokens": round(speed.seconds, 2),
        "speed_basis": speed.basis,
        "fetched": is_fetched(name, cache_folder()),
    }
