"""``zanzibar models``: challengers and champions, promotion as a recorded decision, rollback."""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from zanzibar_assets.commands._output import json_option

if TYPE_CHECKING:
    from zanzibar_assets.store.models import Decision, ModelRegistry, RegisteredModel
    from zanzibar_assets.store.reproduction import Reproduced
    from zanzibar_assets.store.workspace import Workspace

who_option = click.option("--by", "who", default=getpass.getuser, help="Who decides; your user name if left.")
reason_option = click.option("--reason", required=True, help="Why, in words that you will understand later.")


@click.group(
    name="models",
    invoke_without_command=True,
    epilog="Example:  zanzibar models list ES   (then: zanzibar models show ES-1f2e)",
)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List models, show a card, promote a challenger, go back to the champion before.

    Only a model whose validation says promote becomes an approved champion, and only an approved
    champion may ever trade a live account.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_models, instrument=None, as_json=as_json)


@command.command(name="list", epilog="Example:  zanzibar models list ES")
@click.argument("instrument", required=False)
@json_option
def list_models(instrument: str | None, as_json: bool) -> None:
    """Every registered model, the newest first, and the decisions made."""
    registry = _registry(_open())
    models, decisions = registry.models(instrument), registry.decisions(instrument)
    if as_json:
        found = {"models": [_summary(m) for m in models], "decisions": [asdict(d) for d in decisions]}
        click.echo(json.dumps(found, indent=2))
        return
    for model in models:
        mark = " SIMULATED" if model.simulated else ""
        paper = " (paper only, unapproved)" if model.status == "champion" and not model.approved else ""
        click.echo(
            f"{model.model_id}  {model.status}{paper}{mark}  through {model.trained_through}  "
            f"{model.verdict}: {model.verdict_reason}"
        )
    for decision in decisions:
        click.echo(_sentence(decision))
    if not models:
        click.echo("no model is registered yet: `zanzibar run` trains one when there is enough history")


@command.command(name="show", epilog="Example:  zanzibar models show ES-1f2e")
@click.argument("model_id")
@json_option
def show(model_id: str, as_json: bool) -> None:
    """The card of a model: data, features, parameters, scores, calibration, limits."""
    from zanzibar_assets.ml.model_card import card_text

    model = _registry(_open()).get(model_id)
    card = model.extra["card"]
    if as_json:
        click.echo(json.dumps({**_summary(model), "card": card}, indent=2))
        return
    click.echo(f"{card_text(card)}\nStanding: {model.status}")


@command.command(name="promote", epilog="Example:  zanzibar models promote ES-1f2e --reason 'clean'")
@click.argument("model_id")
@reason_option
@who_option
@click.option("--paper", is_flag=True, help="Without a verdict: simulated accounts only, never approved.")
@json_option
def promote(model_id: str, reason: str, who: str, paper: bool, as_json: bool) -> None:
    """Make a model the champion of its instrument; the one before is retired."""
    from zanzibar_assets.store.serving import require_evidence

    workspace = _open()
    _refuse_paper_on_live(workspace, paper)
    require_evidence(workspace, _registry(workspace).get(model_id))
    decision = _registry(workspace).promote(model_id, who, reason, paper=paper)
    _told(workspace, decision, as_json)


@command.command(name="rollback", epilog="Example:  zanzibar models rollback ES --reason 'it loses'")
@click.argument("instrument")
@reason_option
@who_option
@json_option
def rollback(instrument: str, reason: str, who: str, as_json: bool) -> None:
    """Go back to the instrument's champion before the present one."""
    workspace = _open()
    known = workspace.instruments.resolve(instrument).id
    _told(workspace, _registry(workspace).rollback(known, who, reason), as_json)


@command.command(name="reproduce", epilog="Example:  zanzibar models reproduce 'ES|2025-01-08'")
@click.argument("partition")
@click.option("--at", "fingerprint", help="An older version of the predictions, by its fingerprint.")
@json_option
def reproduce(partition: str, fingerprint: str | None, as_json: bool) -> int:
    """Compute a session's features and predictions again from the stored versions; exit 1 if a bit differs.

    PARTITION is instrument and session. Features come from the recorded versions of their tables,
    predictions from the recorded features and the registered model that made them. `zanzibar versions
    predictions` lists older versions.
    """
    from zanzibar_assets.commands._reproduce import reproduce_session
    from zanzibar_assets.orchestration.graph import all_assets
    from zanzibar_assets.orchestration.table_asset import SPECS
    from zanzibar_assets.store.keys import PartitionKey

    all_assets()
    features, predictions = SPECS["feature_matrix"], SPECS["predictions"]
    key = PartitionKey.parse(partition)
    found = reproduce_session(_open(), features, predictions, key, fingerprint)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        click.echo("\n".join(_compared(one) for one in found))
    return int(any(one.differences for one in found))


def _open() -> Workspace:
    from zanzibar_assets.config import load_config
    from zanzibar_assets.errors import UsageError
    from zanzibar_assets.store.opening import metadata_place
    from zanzibar_assets.store.workspace import Workspace

    now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
    config = load_config()
    if not metadata_place(config).exists():
        raise UsageError(
            f"{config.home} holds nothing yet", action="run `zanzibar demo` or `zanzibar run` first"
        )
    return Workspace(config, lambda: now_us)


def _registry(workspace: Workspace) -> ModelRegistry:
    from zanzibar_assets.store.serving import registry_of

    return registry_of(workspace)


def _refuse_paper_on_live(workspace: Workspace, paper: bool) -> None:
    from zanzibar_assets.errors import ModelError

    backend = workspace.config.execution.backend
    if paper and backend != "simulated":
        raise ModelError(
            "a model without its verdict is champion on a simulated account only",
            got=f"backend {backend}",
            action="promote a model whose validation says promote",
        )


def _told(workspace: Workspace, decision: Decision, as_json: bool) -> None:
    """Build the risk of the new champion, then say what was decided."""
    from zanzibar_assets.orchestration.graph import all_assets
    from zanzibar_assets.orchestration.table_asset import SPECS, build_one
    from zanzibar_assets.store.keys import PartitionKey

    all_assets()
    key = PartitionKey(decision.instrument)
    record = workspace.manifest.get("risk_parameters", key)
    through = record.notes.get("through") if record else None
    outcome = build_one(workspace, SPECS["risk_parameters"], key, through, force=True)
    risk = outcome.status.value
    if as_json:
        click.echo(json.dumps({**asdict(decision), "risk_parameters": risk}, indent=2))
        return
    click.echo(_sentence(decision))
    click.echo(f"risk parameters: {risk}{'; ' if outcome.record.reasons else ''}"
               f"{'; '.join(outcome.record.reasons)}")  # fmt: skip


def _sentence(decision: Decision) -> str:
    from zanzibar_assets.vocabulary import from_us

    place = f" in place of {decision.replaced}" if decision.replaced else ""
    approved = "approved" if decision.approved else "UNAPPROVED, simulated accounts only"
    when = f"{from_us(decision.decided_us):%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"{when}  {decision.action}: {decision.model_id} is the champion of {decision.instrument}{place} "
        f"({approved}), by {decision.who}: {decision.reason}"
    )


def _compared(one: Reproduced) -> str:
    code = "" if one.same_code else ", though the code is another one now"
    if not one.differences:
        return f"{one.table} {one.key} at {one.fingerprint}: {one.rows} rows, the same bits again{code}"
    return f"{one.table} {one.key} at {one.fingerprint} DIFFERS{code}: {'; '.join(one.differences[:5])}"


def _summary(model: RegisteredModel) -> dict[str, Any]:
    shown = asdict(model)
    del shown["document"]
    return shown
