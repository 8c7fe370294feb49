"""The only code that imports dagster.

The graph rests on features that Dagster marks as beta or preview (backfill policies, partition
mappings of two dimensions, owners). Their warnings are silenced here, in one place; the graph
snapshot test tells when one of them changes.
"""

import warnings

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
