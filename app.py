"""Start Stepwise: settings, studio, page, launch."""

from threading import Thread

from components.page import build, launch
from studio import Settings, Studio


def main() -> None:
    """Serve until interrupted."""
    with Studio(Settings.from_arguments()) as studio:
        # Behind, since it may have to wait until all folders are looked through, and the page need not.
        Thread(target=studio.take_up, name="stepwise-restart", daemon=True).start()
        launch(build(studio), studio)


if __name__ == "__main__":
    main()
