"""What a node of each kind is in a Dify file: one function for each kind, the way back of `dsl.dify.readers`."""

from dsl.dify.writers import (
    agents,
    computing,
    conditions,
    containers,
    ends,
    forms,
    http,
    kept,
    knowledge,
    models,
    tools,
)
from dsl.dify.writers.values import Write

WRITERS: dict[str, Write] = {
    **ends.WRITERS,
    **models.WRITERS,
    **agents.WRITERS,
    **conditions.WRITERS,
    **computing.WRITERS,
    **containers.WRITERS,
    **http.WRITERS,
    **knowledge.WRITERS,
    **tools.WRITERS,
    **forms.WRITERS,
    **kept.WRITERS,
}
