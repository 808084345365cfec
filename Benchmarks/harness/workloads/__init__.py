"""All workloads, in the order of the report."""

from ..model import Scale, Workload
from . import listings, namespace, randoms, small, small_writes, streams, transfers, writes


def catalogue(scale: Scale) -> list[Workload]:
    return [
        *streams.workloads(scale),
        *randoms.workloads(scale),
        *small.workloads(scale),
        *listings.workloads(scale),
        *writes.workloads(scale),
        *small_writes.workloads(scale),
        *namespace.workloads(scale),
        *transfers.workloads(scale),
    ]
