"""Coze's TypeScript runs as JavaScript elsewhere, and is what it was when it comes back."""

import time

import pytest

from dsl.typescript import has_more, hidden, shown

SIGNED = "async function main({ params }: Args): Promise<Output> { return {}; }"


@pytest.mark.parametrize(
    ("source", "javascript"),
    [
        (SIGNED, "async function main({ params }/*ts: Args*/)/*ts: Promise<Output>*/ { return {}; }"),
        ("const k: string = 'a';", "const k/*ts: string*/ = 'a';"),
        ("let xs: Array<Record<string, any>> = [];", "let xs/*ts: Array<Record<string, any>>*/ = [];"),
        (
            "const f = (a: string, b?: number[]): any => a;",
            "const f = (a/*ts: string*/, b/*ts?: number[]*/)/*ts: any*/ => a;",
        ),
        ("return (e as Error).message;", "return (e/*ts as Error*/).message;"),
        ("try { f() } catch (e: any) { }", "try { f() } catch (e/*ts: any*/) { }"),
    ],
)
def test_types_go_into_comments_and_out_again(source: str, javascript: str) -> None:
    assert hidden(source) == javascript
    assert shown(javascript) == source


@pytest.mark.parametrize(
    "source",
    [
        "const o = { a: string, b: 1, c: (x ? y : z) };",
        "const t = many ? { a: 1 } : one;",
        'const s = "let a: string = b as any;";',
        "const s = `(a: string)`; // let a: string = 1",
        "/* const a: any = 1 */ x = /* (a: any) */ 2;",
        "for (const a of b) { switch (a) { case 1: break; default: f(a) } }",
    ],
)
def test_what_is_javascript_stays_as_it_is(source: str) -> None:
    assert hidden(source) == source


def test_more_than_types_in_their_places_is_told() -> None:
    assert has_more("interface Row { a: string }\n" + SIGNED) and has_more("function f<T>(x) {}")
    assert not has_more(SIGNED) and not has_more("// the type of interface = none")


@pytest.mark.parametrize(
    "part", ["\n", " ", "/*", "`", "const a: ", "}: ", "x as ", "(a: Array<", ") : Promise<a", "'", "\\"]
)
def test_code_of_any_length_is_gone_through_once(part: str) -> None:
    def seconds(times: int) -> float:
        start = time.process_time()
        hidden(part * times)
        has_more(part * times)
        return time.process_time() - start

    assert seconds(80_000) < 0.05 + 16 * max(seconds(10_000), 0.005)
