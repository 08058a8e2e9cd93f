"""Chinese is written without blanks: a secret stands right beside letters, and what names it is a Chinese word."""

import json
from typing import Any

import pytest

import dsl
from dsl.sensitive import variable
from dsl.spotting import found as found_under
from dsl.standing import Under

RUN = "Zq7xW3nB9tR5vK2m"
WEAK = "hunter2!Xy7"
TOKENS = [
    "ghp_" + RUN * 2 + "Aa81",
    f"sk-proj-{RUN * 3}",
    "AKIAIOSFODNN7ABCDEFG",
    f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.{RUN}",
    f"app-{RUN}Aa81Lp0Q",
    f"pat_{RUN * 3}",
]


def found(value: str, key: str = "", *, sent: bool = False, code: bool = False) -> list[str]:
    return [value[each.start : each.end] for each in found_under(value, Under(key, sent), code=code)]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("text", ["请使用密钥{} 调用", "使用{}调用", "key: {}调用接口", "密钥：{}。请调用"])
def test_a_token_right_beside_chinese_letters_is_found(token: str, text: str) -> None:
    assert found(text.format(token)) == [token]


@pytest.mark.parametrize(
    "name", ["API密钥", "访问密钥", "令牌", "访问令牌", "私钥", "口令", "密码", "api_key", "token", "请用api_key"]
)
@pytest.mark.parametrize("giving", [":", ": ", "：", "=", "＝"])
def test_what_looks_like_chance_is_a_secret_behind_a_name_in_chinese_or_a_wide_colon(name: str, giving: str) -> None:
    assert found(f"登录时{name}{giving}{RUN}，然后继续", "notes") == [RUN]


@pytest.mark.parametrize("text", ["密码: {}", "数据库密码：{}", "口令：{}。", "password：{}，然后", "密码：{}调用"])
def test_a_password_in_chinese_prose_needs_letters_and_digits_only(text: str) -> None:
    assert found(text.format(WEAK), "notes") == [WEAK]


def test_a_password_is_taken_whole_where_letters_of_other_languages_are_in_it() -> None:
    assert found("password: Sommer2024!grün", "notes") == ["Sommer2024!grün"]


@pytest.mark.parametrize("text", ["密码是 {}", "密钥为{}", "令牌 {} 已经过期"])
def test_what_is_said_to_be_a_secret_in_chinese_is_one_if_it_looks_like_chance(text: str) -> None:
    assert found(text.format(RUN), "notes") == [RUN]


def test_a_command_right_behind_chinese_letters_is_one() -> None:
    assert found(f"使用curl -u admin:{WEAK} https://a.example", "notes") == [WEAK]


@pytest.mark.parametrize("name", ["密码", "密钥", "数据库密码", "API密钥", "访问令牌"])
@pytest.mark.parametrize("value", [WEAK, RUN])
def test_what_stands_under_a_chinese_name_of_a_secret_is_one(name: str, value: str) -> None:
    assert found(value, name) == [value]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("忘记密码请联系管理员", "密码"),
        ("请输入您的密码", "密码"),
        ("reset-password", "忘记密码"),
        ("reset-password", "修改密码"),
        ("password-v2", "密码类型"),
        ("40961234", "令牌数"),
        ("你的API密钥", "密钥"),
        ("密码：至少8位，包含字母和数字", "text"),
        ("密码是必填项，令牌由系统生成", "text"),
        ("令牌: {{#env.TOKEN#}}", "text"),
        ("任务task-1234567890123456完成", "text"),
    ],
)
def test_what_only_speaks_of_secrets_in_chinese_stays(value: str, key: str) -> None:
    assert found(value, key) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("密码", "PASSWORD"), ("API密钥", "API_SECRET_KEY"), ("数据库密码", "PASSWORD"), ("访问令牌", "TOKEN")],
)
def test_the_variable_for_it_has_a_name_that_every_platform_takes(name: str, expected: str) -> None:
    assert variable(name) == expected


@pytest.mark.parametrize("text", [f"请使用密钥{TOKENS[0]} 调用", f"密钥：{TOKENS[0]}。"])
def test_no_file_and_no_report_holds_what_stands_beside_chinese_letters(text: str) -> None:
    document: dict[str, Any] = {
        "name": "w",
        "nodes": [
            {"id": "a", "name": "M", "type": "n8n-nodes-base.manualTrigger", "typeVersion": 1, "position": [0, 0]},
            {"id": "b", "name": "N", "type": "n8n-nodes-base.stickyNote", "typeVersion": 1, "position": [0, 200]},
        ],
        "connections": {},
    }
    document["nodes"][0]["parameters"] = {}
    document["nodes"][1]["parameters"] = {"content": text}
    flow = dsl.read(json.dumps(document))
    for target in ("dify", "coze", "n8n", "ragflow", "ir"):
        written = dsl.write(dsl.without_secrets(flow)[0] if target == "n8n" else flow, target)
        assert TOKENS[0] not in f"{written.data!r}{written.notes!r}"
