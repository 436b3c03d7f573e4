"""The machine's last minutes: bounded, and a rate is what happened between two readings."""

from __future__ import annotations

from studio.course import Course, Point, Reading


def reading(at: float, steps: int = 0, failed: int = 0, waiting: int = 0) -> Reading:
    return Reading(at, steps, failed, waiting, memory=2**20)


def test_a_point_says_what_happened_between_two_readings() -> None:
    course = Course()
    course.note(reading(100.0, steps=10, failed=1))
    assert not course.points, "nothing is known of a rate yet"
    course.note(reading(104.0, steps=50, failed=3, waiting=2))
    assert course.points == (Point(10.0, 2, 2, 2**20, None),)


def test_readings_that_come_late_or_early_are_no_slower_and_no_faster() -> None:
    course = Course()
    for at in (0.0, 1.0, 11.0):
        course.note(reading(at, steps=round(at * 8)))
    assert [point.steps_s for point in course.points] == [8.0, 8.0]


def test_a_reading_that_is_not_later_is_passed_over() -> None:
    course = Course()
    for steps, at in enumerate((1.0, 1.0, 0.5, 2.0)):
        course.note(reading(at, steps=steps))
    assert [point.steps_s for point in course.points] == [3.0]


def test_only_the_newest_points_are_kept() -> None:
    course = Course(points=3)
    for at in range(10):
        course.note(reading(float(at), waiting=at))
    assert [point.waiting for point in course.points] == [7, 8, 9]
