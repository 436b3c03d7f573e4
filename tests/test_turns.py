"""Turns: fair between people, short runs first, nobody starves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from studio.turns import MOST_IN_HAND, QUANTUM_S, InHand, in_turn, may_join

SLOTS = 4
LONG = 3 * QUANTUM_S
hands = st.lists(
    st.builds(InHand, owner=st.sampled_from("abcde"), served_s=st.floats(0, 100), aside_s=st.floats(0, 100)),
    max_size=12,
)


@given(hands, st.integers(1, 6))
def test_as_many_are_painted_as_there_is_room_for(given_hands: list[InHand], slots: int) -> None:
    turn = in_turn(given_hands, slots)
    assert len(turn) == min(slots, len(given_hands))
    assert turn == sorted(set(turn))


@given(hands)
def test_nobody_has_two_turns_while_another_has_none(given_hands: list[InHand]) -> None:
    painted = [given_hands[index].owner for index in in_turn(given_hands, SLOTS)]
    if len(painted) > len(set(painted)):
        assert {hand.owner for hand in given_hands} == set(painted)


def test_a_newcomer_has_a_turn_at_once_beside_somebody_with_many() -> None:
    crowd = [InHand("ada")] * SLOTS
    assert not may_join(crowd, SLOTS, "ada")
    assert may_join(crowd, SLOTS, "bo")
    assert in_turn([*crowd, InHand("bo")], SLOTS) == [0, 1, 2, SLOTS]


def test_long_runs_let_a_short_one_go_first_and_come_back() -> None:
    long = [InHand(owner, served_s=LONG) for owner in "abcd"]
    assert may_join(long, SLOTS, "e")
    assert in_turn([*long, InHand("e")], SLOTS) == [0, 1, 2, 4]
    back = InHand("d", served_s=LONG, aside_s=LONG)
    new = [InHand(owner) for owner in "efgh"]
    assert 0 in in_turn([back, *new], SLOTS)


def test_short_runs_of_different_people_are_painted_in_the_order_they_came() -> None:
    assert in_turn([InHand(owner, served_s=index) for index, owner in enumerate("edcba")], SLOTS) == [0, 1, 2, 3]
    assert not may_join([InHand(owner) for owner in "abcd"], SLOTS, "e")


def test_how_many_are_begun_is_bounded() -> None:
    begun = [InHand(str(number), served_s=LONG) for number in range(MOST_IN_HAND * SLOTS)]
    assert not may_join(begun, SLOTS, "new")
    assert may_join(begun[1:], SLOTS, "new")
