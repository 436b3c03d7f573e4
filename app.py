"""Start Stepwise: settings, studio, page, launch."""

from components.page import build, launch
from studio import Settings, Studio


def main() -> None:
    """Serve until interrupted."""
    with Studio(Settings.from_arguments()) as studio:
        studio.take_up()
        launch(build(studio), studio)


if __name__ == "__main__":
    main()
