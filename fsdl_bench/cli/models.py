"""The command `models`: the reference models that come with the package."""

from __future__ import annotations

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(as_json: bool) -> None:
    """List the reference models, the tracks that each is ready for, and their verified results.

    Run one with `fsdl-bench evaluate --submission fsdl_bench:NAME --track TRACK`.
    """
    from fsdl_bench import reference
    from fsdl_bench.cli.tables import print_json, print_table, table_of

    found = reference.models()
    tracks = ("lyrics-verse", "midi-scores")
    if as_json:
        print_json(
            [
                {
                    "name": model.name,
                    "submission": f"fsdl_bench:{model.name}",
                    "summary": model.summary,
                    "ready": list(model.ready),
                    "nll": model.nll,
                }
                for model in found
            ]
        )
        return
    rows = [
        [
            model.name,
            model.summary,
            ", ".join(model.ready),
            *(f"{model.nll[track]:.4f}" if track in model.nll else "" for track in tracks),
        ]
        for model in found
    ]
    print_table(table_of("Reference models", ["name", "what it is", "ships for", *tracks], rows))
    click.echo(
        "Figures: NLL at the headline shot in bits/byte (lyrics) or nats/note (MIDI); lower is better.\n"
        "On other tracks than it ships for, a model is fitted first: n-grams in seconds, networks in an hour."
    )


COMMANDS = (models,)
