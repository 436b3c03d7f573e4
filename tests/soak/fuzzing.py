"""Ten thousand requests that no page sends: ``python -m tests.soak.fuzzing [10000]``."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.components.fuzzing import Asking
from tests.components.serving import Serving


def main(requests: int) -> int:
    """Send that many; the first one that breaks the promise is made small, and raised."""
    kinds, began = Counter[str](), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        serving = Serving(Path(folder), behind_proxy=True)
        asking = Asking(serving)
        phases = [Phase.generate, Phase.shrink]

        @settings(max_examples=requests, deadline=None, suppress_health_check=list(HealthCheck), phases=phases)
        @given(data=st.data())
        def send(data: st.DataObject) -> None:
            kind, sent = data.draw(asking.requests())
            kinds[f"event {sent[0].name}" if kind in ("event", "painting") else kind] += 1
            asking.check(kind, sent)

        with asking.counted():
            send()
        runs = len(serving.studio.runs.of(asking.person))
        serving.close()
    print(*(f"{count:6} {kind}" for kind, count in kinds.most_common()), sep="\n")
    print(
        f"{sum(kinds.values()):,} requests in {time.monotonic() - began:.0f} s: no error of the server's; {runs} runs"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
