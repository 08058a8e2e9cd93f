"""Personal data goes, everything that only looks like it stays."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import ServiceError
from flows.privacy import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to Anna.Lee+x@mail.example.co.uk, please", "Write to [email], please"),
        ("Call +44 20 7946 0958 or (415) 555-0132", "Call [phone] or [phone]"),
        ("tel: 5550132 77", "tel: [phone]"),
        ("0049 170 1234567", "[phone]"),
        ("联系电话：13912345678", "联系电话：[phone]"),
        ("电话 010-12345678", "电话 [phone]"),
        ("身份证11010519491231002X，手机13812345678。", "身份证[id]，手机[phone]。"),
        ("Pay to DE89 3704 0044 0532 0130 00 today", "Pay to [iban] today"),
        ("card 4111 1111 1111 1111", "card [card]"),
        ("from 8.8.8.8 and 2001:4860:4860::8888", "from [ip] and [ip]"),
        ("key sk-abcdefghijklmnop1234", "key [secret]"),
        ("Authorization: Bearer abcdefgh12345678ijkl", "Authorization: Bearer [secret]"),
        ("the password: hunter2hunter", "the password: [secret]"),
        ("api_key=AbCd1234efgh", "api_key=[secret]"),
    ],
)
def test_personal_data_is_blanked(text: str, expected: str) -> None:
    assert redact(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "Port 8080, version 1.2.3.4, build 20240501, on 2024-05-01 at 10:30",
        "order 4155550132, order no. 123-456-7890, ticket #20241124001",
        "订单号13812345678",
        "We carry 148 passengers for 1 200 000 EUR, 12:30:45",
        "ISBN 978-3-16-148410-0",
        "call on 2024-05-01, tel 112",
        "room 020 1234, from 08:00 to 18:00, 12 345 678 kWh",
        "http://127.0.0.1:8080/v1 and 10.0.0.1 and 192.168.1.4 and ::1",
        "v10.20.30.40, release 2024.11.3.1",
        "password: required always",
        "card 4111 1111 1111 1112",  # its check digit is wrong
        "DE00 3704 0044 0532 0130 00",
        "时间 1700000000000",
        "[phone] [email]",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact(text) == (text, [])


def test_the_kinds_are_named_and_a_second_pass_changes_nothing() -> None:
    cleaned, kinds = redact("a@b.example or +44 20 7946 0958 or a@b.example")
    assert kinds == ["email", "phone"]
    assert redact(cleaned) == (cleaned, [])


def test_the_help_desk_may_be_named() -> None:
    text = "Write to Desk@Ferry.example or call +44 20 7946 0958, not anna@ferry.example"
    cleaned, kinds = redact(text, ("desk@ferry.example", "+442079460958"))
    assert cleaned == "Write to Desk@Ferry.example or call +44 20 7946 0958, not [email]"
    assert kinds == ["email"]


def test_without_the_extra_nothing_passes_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stdnum", None)
    with pytest.raises(ServiceError, match=r"flowstill\[curate\]"):
        redact("card 4111 1111 1111 1111")


PIECES = [
    *("bob@example.org", "+49 30 1234567", "DE89370400440532013000", "4111 1111 1111 1111", "8.8.8.8", "13812345678"),
    *(
        "11010519491231002X",
        "sk-abcdefghijklmnop1234",
        "Bearer ",
        "password: ",
        "call ",
        "电话",
        "[phone]",
        "2001:db8:",
    ),
    *("0", "1", "12", "-", ".", " ", ":", "/", "(", ")", "+", "@", "a", "\n"),
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=14).map("".join))
def test_nothing_is_left_for_a_second_pass_whatever_the_text(text: str) -> None:
    cleaned, _ = redact(text)
    assert redact(cleaned) == (cleaned, [])
