"""A thousand requests at once: a bounded queue, a sentence for the rest, and it works afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from studio import GenerationRequest, Run, Settings, Studio
from studio.errors import QueueFull, StudioError
from studio.sharing.budget import Allowance

OWNERS, REQUESTS = 20, 1000
SIZE = 24


def test_a_flood_is_refused_with_a_sentence_and_what_was_accepted_is_painted(models: Path, tmp_path: Path) -> None:
    settings = Settings(models=(models,), outputs=tmp_path, device="cpu", precision="fp32", queue_size=SIZE)
    with Studio(settings) as studio:
        studio.sharing.grant(Allowance(waiting=0, work_a_day=0))
        longest: list[int] = []

        def ask(number: int) -> Run | StudioError:
            request = GenerationRequest(model="tiny-v", width=64, height=64, steps=1, seed=number)
            try:
                return studio.submit(request, f"user-{number % OWNERS}")
            except QueueFull as error:
                return error
            finally:
                longest.append(studio.queue_length)

        with ThreadPoolExecutor(16) as crowd:
            answers = list(crowd.map(ask, range(REQUESTS)))
        runs = [answer for answer in answers if isinstance(answer, Run)]
        refused = [str(answer) for answer in answers if isinstance(answer, QueueFull)]
        assert max(longest) <= SIZE
        assert len(runs) + len(refused) == REQUESTS
        assert all("waiting already" in sentence for sentence in refused)
        assert all(run.result.paths for run in runs)
        request = GenerationRequest(model="tiny-v", width=64, height=64, steps=1)
        assert studio.submit(request, "user-new").result.paths
        assert not list((tmp_path / ".queue").glob("*"))
