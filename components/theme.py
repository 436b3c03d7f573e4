"""The look of the page as a Gradio theme: near-black or paper, one warm accent for what acts,
its darker kin on paper for what has the focus or is chosen, one cool one for what informs."""

import gradio as gr
from gradio.themes.utils import colors

DARK = {
    "ground": "#111214",
    "panel": "#18191d",
    "line": "#2c2e35",
    "ink": "#eceae4",
    "quiet": "#a3a3a0",
    "accent": "#f0a84b",
    "accent_ink": "#1a1206",
    "mark": "#f0a84b",
    "info": "#6fb7b2",
    "bad": "#f08b7c",
}
LIGHT = {
    "ground": "#f6f4ef",
    "panel": "#ffffff",
    "line": "#d9d5cb",
    "ink": "#1d1c1a",
    "quiet": "#5f5d58",
    "accent": "#f0a84b",
    "accent_ink": "#1a1206",
    "mark": "#9c5d10",
    "info": "#136963",
    "bad": "#a83222",
}


COLOURS = {
    "body_background_fill": "ground",
    "background_fill_primary": "panel",
    "background_fill_secondary": "ground",
    "body_text_color": "ink",
    "body_text_color_subdued": "quiet",
    "border_color_primary": "line",
    "block_background_fill": "ground",
    "block_label_text_color": "quiet",
    "block_title_text_color": "quiet",
    "block_info_text_color": "quiet",
    "input_background_fill": "panel",
    "input_border_color": "line",
    "input_border_color_focus": "mark",
    "input_placeholder_color": "quiet",
    "slider_color": "mark",
    "checkbox_background_color_selected": "mark",
    "checkbox_border_color_selected": "mark",
    "checkbox_label_background_fill": "panel",
    "checkbox_label_background_fill_selected": "panel",
    "checkbox_label_border_color": "line",
    "checkbox_label_text_color_selected": "ink",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent",
    "button_primary_border_color": "accent",
    "button_primary_text_color": "accent_ink",
    "button_secondary_background_fill": "panel",
    "button_secondary_background_fill_hover": "line",
    "button_secondary_border_color": "line",
    "button_secondary_text_color": "ink",
}
"""Which of the colours each of the theme's variables takes."""


def variables() -> str:
    """The colours as CSS variables, for parts of our own."""
    light = "".join(f"--sw-{name.replace('_', '-')}:{value};" for name, value in LIGHT.items())
    dark = "".join(f"--sw-{name.replace('_', '-')}:{value};" for name, value in DARK.items())
    return f":root{{{light}}} .dark{{{dark}}}"


def theme() -> gr.themes.Base:
    """Stock components in the colours above."""
    made = gr.themes.Base(
        primary_hue=colors.amber,
        neutral_hue=colors.stone,
        font=["system-ui", "-apple-system", "Segoe UI", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
    )
    values = {name: LIGHT[colour] for name, colour in COLOURS.items()}
    values |= {f"{name}_dark": DARK[colour] for name, colour in COLOURS.items()}
    return made.set(
        **values,
        color_accent=LIGHT["accent"],
        block_border_width="0px",
        block_padding="0px",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_title_text_size="13px",
        block_title_text_weight="500",
        block_info_text_size="12px",
        input_border_width="1px",
        input_radius="8px",
        input_padding="10px 12px",
        form_gap_width="0px",
        layout_gap="12px",
        section_header_text_size="13px",
        button_large_radius="10px",
        button_small_radius="999px",
        button_border_width="1px",
        button_border_width_dark="1px",
    )
