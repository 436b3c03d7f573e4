"""No request that anybody sends breaks the server, and what is refused costs no call of the model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.limits import Limits
from tests.components.fuzzing import Asking
from tests.components.serving import Refused, Serving

REQUESTS = 300


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    serving = Serving(tmp_path_factory.mktemp("fuzzing"), behind_proxy=True)
    made = Asking(serving)
    with made.counted():
        yield made
    serving.close()


@settings(max_examples=REQUESTS, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_absurd_requests_are_answered_with_a_sentence(asking: Asking, data: st.DataObject) -> None:
    asking.check(*data.draw(asking.requests()))


@pytest.mark.parametrize(
    ("label", "value", "sentence"),
    [
        ("Steps", None, "Steps must be a number from 1 to 150."),
        ("Steps", 20.5, "Steps must be a whole number."),
        ("Steps", 1e9, "Steps must be a number from 1 to 150."),
        ("CFG scale", None, "CFG scale must be a number from 1 to 30."),
        ("Width", None, "Width must be a whole number."),
        ("CFG scale", 10**400, "CFG scale must be a number from 1 to 30."),
        ("Width", 100, "Width must be a multiple of 8: try 96."),
        ("Batch size", None, "Batch size must be a whole number."),
        ("Model", "none of ours", "Value: none of ours is not in the list"),
        ("Prompt", None, "Prompt must be text."),
        ("Prompt", {"a": 1}, "nothing that the page sends"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_emptied_field_or_a_wrong_value_says_what_to_change(
    asking: Asking, label: str, value: object, sentence: str
) -> None:
    runs, calls = len(asking.serving.studio.runs.of(asking.person)), asking.calls
    try:
        said = asking.tab.do("paint", asking.tab.values("paint", **{label: value}))[0]["message"]
    except Refused as error:
        said = str(error)
    assert sentence in said
    assert (len(asking.serving.studio.runs.of(asking.person)), asking.calls) == (runs, calls)


@pytest.mark.parametrize("kind", ["mp5", ["mp4"], {"kind": "mp4"}, None, 3])
def test_a_kind_of_file_that_there_is_not_is_refused_with_those_that_there_are(asking: Asking, kind: object) -> None:
    tab = asking.tab
    tab.do("paint", tab.values("paint", Steps=1, Width=64, Height=64))
    with pytest.raises(Refused, match="exported as gif, webp"):
        tab.do("export", event_data={"kind": kind})


@pytest.mark.parametrize("step", ["9" * 5000, "1" * 7, "x", "-1", ""])
def test_a_step_that_is_none_is_not_branched_from(asking: Asking, step: str) -> None:
    tab = asking.tab
    run = tab.do("paint", tab.values("paint", Steps=1, Width=64, Height=64))[0]["run"]
    before = len(asking.serving.studio.runs.of(asking.person))
    tab.do("branch", [f"{run}/{step}", *tab.values("branch")[1:]])
    assert len(asking.serving.studio.runs.of(asking.person)) == before


def test_an_address_that_is_none_is_another_pages(asking: Asking) -> None:
    for client in (asking.serving.client(), asking.owner):
        assert client.get("/", headers={"Origin": "http://["}).status_code == 403
    for path in ("/", "/config", "/owner/"):
        assert asking.owner.get(path, headers={"Host": "["}).status_code < 500


def test_nothing_is_said_of_a_prompt_that_would_be_refused(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []

    def known(prompt: str, _: object) -> str:
        looked_at.append(prompt)
        return "a word"

    monkeypatch.setattr("studio.advice.on_marks", known)
    tab, most = asking.tab, Limits().prompt_characters
    model = tab.values("on_prompt")[1]
    assert tab.do("on_prompt", ["[" * (most + 1), model]) == [""]
    assert tab.do("on_prompt", ["[" * most, model]) != [""]
    assert [len(prompt) for prompt in looked_at] == [most]
