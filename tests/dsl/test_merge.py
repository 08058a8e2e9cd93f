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


def test_items_that_are_built_under_other_names_are_paired_in_their_order() -> None:
    mine = [{"id": "a", "w": 9}, {"id": "begin0", "w": 8}, {"id": "b", "w": 7}]
    before = [{"id": "a", "t": 1}, {"id": "begin", "t": 2}, {"id": "b", "t": 3}]
    after = [{"id": "a", "t": 1}, {"id": "begin", "t": 2}, {"id": "b", "t": 4}]
    assert merge(mine, before, after) == [mine[0], mine[1], {"id": "b", "w": 7, "t": 4}]


def test_what_the_file_does_without_is_not_put_in_by_a_change_elsewhere() -> None:
    before = [{"id": "a"}, {"id": "b"}, {"id": "extra"}]
    after = [{"id": "a"}, {"id": "b", "t": 1}, {"id": "extra"}]
    assert merge([{"id": "a"}, {"id": "b"}], before, after) == [{"id": "a"}, {"id": "b", "t": 1}]


def test_an_item_with_a_new_name_keeps_what_was_never_built() -> None:
    mine = [{"id": "a", "w": 9, "t": 1, "u": 2}, {"id": "b", "w": 8, "t": 3, "u": 4}]
    before = [{"id": "a", "t": 1, "u": 2}, {"id": "b", "t": 3, "u": 4}]
    after = [{"id": "new", "t": 1, "u": 2}, {"id": "b", "t": 3, "u": 4}]
    assert merge(mine, before, after) == [{"id": "new", "w": 9, "t": 1, "u": 2}, mine[1]]


def test_of_items_without_names_only_those_between_the_alike_ones_change() -> None:
    mine = [{"x": 1, "w": 9}, {"x": 2, "w": 8}, {"x": 3, "w": 7}]
    before, after = [{"x": 1}, {"x": 2}, {"x": 3}], [{"x": 1}, {"x": 5}, {"x": 6}, {"x": 3}]
    assert merge(mine, before, after) == [{"x": 1, "w": 9}, {"x": 5}, {"x": 6}, {"x": 3, "w": 7}]
