"""How many threads linear algebra may use while models are fitted: one.

The order in which BLAS adds up depends on its threads, which by default are the machine's cores, and
with it the last bits of a fit. One thread gives the same bits on every machine with that BLAS, and on
matrices of a hundred columns it is also the fastest: more of them mostly wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Linear algebra on one thread inside; LightGBM's own threads are its parameter and are left alone."""
    import scipy.linalg  # noqa: F401 - its BLAS is another library, which must be loaded to be limited
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1, user_api="blas"):
        yield
