"""A change made to one form of a document is made to the document itself."""

from dsl.merge import merge, same


def test_what_was_never_built_stays() -> None:
    mine = {"id": "a", "width": 240, "title": "Old"}
    assert merge(mine, {"id": "a", "title": "Old"}, {"id": "a", "title": "New"}) == mine | {"title": "New"}


def test_what_did_not_change_keeps_its_own_form() -> None:
    mine = {"n": "3", "t": "x"}
    assert merge(mine, {"n": 3, "t": "x"}, {"n": 3, "t": "y"}) == {"n": "3", "t": "y"}


def test_what_was_taken_away_goes_and_what_is_new_comes() -> None:
    mine = [{"id": 1, "w": 9}, {"id": 2, "w": 8}, {"id": 3, "w": 7}]
    before, after = [{"id": 1}, {"id": 2}, {"id": 3}], [{"id": 3}, {"id": 1}, {"id": 4}]
    assert merge(mine, before, after) == [{"id": 3, "w": 7}, {"id": 1, "w": 9}, {"id": 4}]


def test_an_item_that_was_never_built_keeps_its_place() -> None:
    mine = [{"id": 1}, {"id": "note"}, {"id": 2, "w": 8}]
    assert merge(mine, [{"id": 1}, {"id": 2}], [{"id": 1}, {"id": 2, "x": 1}]) == [
        {"id": 1},
        {"id": "note"},
        {"id": 2, "w": 8, "x": 1},
    ]


def test_a_number_and_a_truth_are_not_the_same() -> None:
    assert not same({"a": 1}, {"a": True})
    assert not same([1], [1.0])
    assert same({"a": [1, "x"]}, {"a": [1, "x"]})
