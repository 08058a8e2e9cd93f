"""What reads each component: its parameters as those of the common form."""

from collections.abc import Callable

from dsl.ragflow import (
    branches,
    containers,
    dialogue,
    models,
    operations,
    retrieval,
    scripts,
    services,
    transforms,
    variables,
)
from dsl.ragflow.reading import Reading

READERS: dict[str, Callable[[Reading], None]] = {
    "Begin": dialogue.read_begin,
    "Message": dialogue.read_message,
    "Agent": models.read_agent,
    "LLM": models.read_agent,
    "Retrieval": retrieval.read_retrieval,
    "Categorize": models.read_categorize,
    "Switch": branches.read_switch,
    "CodeExec": scripts.read_code,
    "Invoke": services.read_invoke,
    "VariableAggregator": variables.read_aggregator,
    "VariableAssigner": variables.read_assigner,
    "StringTransform": transforms.read_transform,
    "DataOperations": operations.read_data,
    "ListOperations": operations.read_list,
    "Iteration": containers.read_iteration,
    "Loop": containers.read_loop,
    "UserFillUp": dialogue.read_fill_up,
    "ExitLoop": containers.read_leave,
}
