import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.prompting.lora_tags import LoraTag, lora_tags


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("<lora:ink>", LoraTag("ink", 1, 1)),
        ("<lora:ink:0.8>", LoraTag("ink", 0.8, 0.8)),
        ("<lora:ink:0.5:1>", LoraTag("ink", unet_weight=1, text_weight=0.5)),
        ("<lora:ink:te=0.5:unet=-1>", LoraTag("ink", unet_weight=-1, text_weight=0.5)),
        ("<lora:ink:te=0.5>", LoraTag("ink", 0.5, 0.5)),
        ("<lyco:my ink-v2.1:.7>", LoraTag("my ink-v2.1", 0.7, 0.7)),
    ],
)
def test_a_tag_names_a_lora_and_its_weights(tag: str, told: LoraTag) -> None:
    assert lora_tags(f"a fox {tag}, night") == ("a fox , night", (told,))


def test_tags_come_in_their_order() -> None:
    rest, tags = lora_tags("<lora:a:1>a <lora:b:2>fox")
    assert rest == "a fox"
    assert [tag.name for tag in tags] == ["a", "b"]


@pytest.mark.parametrize("mark", ["<lora:>", "<lora:ink:strong>", "<lora:ink:1:1:1>", "<lora:ink:by=2>", "<lora:ink:1"])
def test_what_is_no_tag_stays_where_it_can_be_seen(mark: str) -> None:
    assert lora_tags(f"a fox {mark}") == (f"a fox {mark}", ())


@given(st.text(st.sampled_from("<>:=.-1a lora te")) | st.text())
def test_any_text_is_read_and_without_tags_is_kept(text: str) -> None:
    rest, tags = lora_tags(text)
    assert tags or rest == text
