"""Findings of the linter as text, JSON and SARIF 2.1.0 (what code hosts show beside the lines of a file)."""

import json
from typing import Any
from urllib.parse import quote

from dsl.lint import Finding
from dsl.printed import line

_SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def text(file: str, findings: list[Finding]) -> str:
    """One line for each finding, and how many there are of each level."""
    lines = [f"{file}{each.pointer}: {each.level}: {_said(each)} [{each.code}]" for each in findings]
    counts = {level: sum(each.level == level for each in findings) for level in ("error", "warning", "note")}
    told = ", ".join(f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count)
    return "\n".join(map(line, [*lines, f"{file}: {told or 'nothing found'}."]))


def as_json(file: str, findings: list[Finding]) -> str:
    plain = {"file": file, "findings": [vars(each) for each in findings]}
    return json.dumps(plain, ensure_ascii=False, indent=2)


def sarif(file: str, findings: list[Finding], version: str) -> str:
    """A log with one run; JSON pointers are logical locations."""
    rules: dict[str, str] = {each.code: each.message for each in reversed(findings)}
    driver = {
        "name": "flowstill",
        "version": version,
        "rules": [{"id": code, "shortDescription": {"text": rules[code]}} for code in sorted(rules)],
    }
    run = {"tool": {"driver": driver}, "results": [_result(file, each) for each in findings]}
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def _result(file: str, finding: Finding) -> dict[str, Any]:
    place = {
        "physicalLocation": {"artifactLocation": {"uri": quote(file, errors="surrogateescape")}},
        "logicalLocations": [
            {"fullyQualifiedName": finding.pointer or "/", "name": finding.title or finding.node or file}
        ],
    }
    return {
        "ruleId": finding.code,
        "level": finding.level,
        "message": {"text": _said(finding)},
        "locations": [place],
    }


def _said(finding: Finding) -> str:
    return f"{finding.message} {finding.fix}".rstrip()
