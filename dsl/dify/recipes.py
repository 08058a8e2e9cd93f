from dsl.ir import Flow


def recognise(flow: Flow) -> None:
    return None
