"""``zanzibar validate``: what a file of returns proves, after the trials that it was picked from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zanzibar_assets.commands._output import json_option


@click.command(
    name="validate",
    epilog="Example:  zanzibar validate returns.csv --trials 50 --periods 252",
)
@click.argument("returns", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    required=True,
    help="How many configurations were ever tried, failed and abandoned ones too.",
)
@click.option(
    "--var-trials",
    type=click.FloatRange(min=0.0),
    help="Variance of the trials' Sharpe ratios per period; 1 / (T - 1) when not given.",
)
@click.option(
    "--periods",
    type=click.FloatRange(min=0.0, min_open=True),
    help="Periods a year (252 for days): gives annual figures and the prior of .5 a year.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Seed of the bootstrap."
)
@json_option
def command(
    returns: Path,
    trials: int,
    var_trials: float | None,
    periods: float | None,
    seed: int,
    as_json: bool,
) -> None:
    """Judge RETURNS, a CSV with a header and a column `return` (a fraction per period).

    Gives the Sharpe ratio with its standard error and stationary-bootstrap interval, the probabilistic
    Sharpe ratio against 0 (2012 form), the deflated one after all trials, the track record that is
    needed, and the Bayesian Sharpe ratio under a flat prior. A column `score`, what predicted each
    row's return, adds its rank IC with a Newey-West t. Every figure is per period unless it says annual.
    """
    from zanzibar_assets.ml.returns_file import read_returns
    from zanzibar_assets.ml.returns_report import returns_report

    read = read_returns(returns)
    found = returns_report(read.returns, read.scores, trials, var_trials, periods, seed)
    click.echo(json.dumps(found, allow_nan=False) if as_json else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    needed = "no edge to prove" if found["min_trl"] is None else f"{found['min_trl']:.1f} periods"
    annual = "" if found["periods"] is None else f"   ({found['sharpe_annual']:+.2f} a year)"
    lines = [
        f"{found['n']} returns, mean {found['mean']:+.3g}, sd {found['sd']:.3g}, "
        f"skew {found['skew']:+.2f}, kurtosis {found['kurtosis']:.2f}",
        f"Sharpe a period        {found['sharpe']:+.4f} +- {found['sharpe_se']:.4f}{annual}",
        f"95 % by bootstrap      {found['sharpe_low']:+.4f} to {found['sharpe_high']:+.4f}",
        f"PSR, P(Sharpe > 0)     {found['psr']:.4f}",
        f"DSR after {found['trials']} trials".ljust(23)
        + f"{found['dsr']:.4f}   (their expected best: {found['expected_max_sharpe']:.4f})",
        f"track record needed    {needed}, {found['n']} there",
        f"Bayes, flat prior      P(Sharpe > 0) {found['bayes_prob_positive']:.4f}, "
        f"median {found['bayes_median']:+.4f}, 95 % {found['bayes_low']:+.4f} to {found['bayes_high']:+.4f}",
    ]
    if found["periods"] is not None:
        lines.append(
            f"Bayes, sd .5 a year    P(Sharpe > 0) {found['bayes_prob_positive_tau']:.4f}, "
            f"median {found['bayes_tau_median']:+.4f}, the data weigh {found['bayes_tau_shrinkage']:.2f}"
        )
    if "ic" in found:
        lines.append(
            f"rank IC of score       {found['ic']:+.4f}, t {found['ic_t']:.2f}, "
            f"p {found['ic_p_value']:.4f} ({found['ic_lags']} lags)"
        )
    return lines
