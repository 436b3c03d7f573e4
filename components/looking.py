"""What the page asks about kept steps: pictures, numbers, words. Answers are JSON.

The page calls these functions directly, not through Gradio's events, so that scrubbing waits in
no queue. Each call carries the token its page was given; what is not its owner's is not there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import gradio as gr

from components import tree
from components.access import link_id
from components.stage import View, data_uri
from components.visitors import Visitors
from studio import Run, Studio
from studio.errors import StudioError
from studio.sharing.links import DAY_S
from studio.sharing.roles import Role
from studio.timeline import compare

log = logging.getLogger("stepwise")
Asked = dict[str, Any]
LONGEST_NAME, LONGEST_NOTE = 80, 2000
MOST_WATCH_LINKS = 8


class Looking:
    """Answers over one studio."""

    def __init__(self, studio: Studio, visitors: Visitors) -> None:
        self._studio, self._visitors = studio, visitors
        self._asking, self._asking_lock = set[str](), threading.Lock()
        """Whose words are being looked into: the engine's thread does it, so each person has one at a time."""

    def functions(self) -> list[Callable[..., Any]]:
        """As plain functions, which is what Gradio takes."""

        def look(asked: Asked) -> Any:
            return self.look(asked)

        def inspect(asked: Asked) -> Any:
            return self.inspect(asked)

        def words(asked: Asked) -> Any:
            return self.words(asked)

        def versus(asked: Asked) -> Any:
            return self.versus(asked)

        def rename(asked: Asked) -> Any:
            return self.rename(asked)

        def share(asked: Asked, request: gr.Request) -> Any:
            return self.share(asked, link_id(request))

        def unshare(asked: Asked) -> Any:
            return self.unshare(asked)

        return [look, inspect, words, versus, rename, share, unshare]

    def look(self, asked: Asked) -> str:
        """One picture of one step; empty where there is none of that kind."""
        from studio.timeline import inspector  # here, since it loads PyTorch

        run, index, view = self._run(asked), self._index(asked), str(asked.get("view"))
        if run is None or index is None or view not in inspector.VIEWS:
            return ""
        picture = inspector.picture(run.steps, index, view)
        return data_uri(picture) if picture else ""

    def inspect(self, asked: Asked) -> Asked:
        """The numbers of every step of a run."""
        from studio.timeline import inspector  # here, since it loads PyTorch

        run = self._run(asked)
        return {"steps": [_finite(asdict(each)) for each in inspector.numbers(run.steps)] if run else []}

    def words(self, asked: Asked) -> Asked:
        """Where each word looks at a step, and what it cost to find out."""
        from studio.diffusion.preview import jpeg  # here, since they load PyTorch
        from studio.endings import coded
        from studio.timeline.inspector import heat

        run, index = self._run(asked), self._index(asked)
        if run is None or index is None:
            return {"words": [], "message": "This run is not here any more."}
        with self._asking_lock:
            if run.owner in self._asking:
                return {"words": [], "message": "The step asked for before is still being looked into: wait for it."}
            self._asking.add(run.owner)
        began = time.perf_counter()
        try:
            maps = self._studio.words(run, index)
        except Exception as error:
            if not isinstance(error, StudioError):
                log.exception("the words of run %s could not be looked into", run.id)
            return {"words": [], "message": str(coded(error))}
        finally:
            with self._asking_lock:
                self._asking.discard(run.owner)
        seconds = time.perf_counter() - began
        shown = [{"word": each.word, "src": data_uri(jpeg(heat(each.map[None, None])))} for each in maps]
        return {"words": shown, "message": f"one model call, {seconds * 1000:.0f} ms"}

    def versus(self, asked: Asked) -> Asked:
        """The other run's strip, which of its steps goes with each of this one's, and what their
        settings differ in."""
        one, other = self._run(asked), self._run({**asked, "run": asked.get("other")})
        if one is None or other is None:
            return {}
        differences = [each.sentence for each in compare.differences(one.request, other.request)]
        levels = [[step.sigma for step in run.steps] for run in (one, other)]
        if not all(levels):
            return {}
        pairs = [compare.nearest(levels[1], sigma) for sigma in levels[0][:-1]] + [len(levels[1]) - 1]
        return {
            "steps": View.of(other).value["steps"],
            "pairs": pairs,
            "names": [tree.title(run) for run in (one, other)],
            "differences": differences,
        }

    def rename(self, asked: Asked) -> Asked:
        """Give a run a name and a note."""
        run = self._run(asked)
        if run is not None:
            run.name = str(asked.get("name", ""))[:LONGEST_NAME].strip()
            run.note = str(asked.get("note", ""))[:LONGEST_NOTE].strip()
        return {"name": run.name, "note": run.note, "title": tree.title(run)} if run else {}

    def share(self, asked: Asked, by: str = "") -> Asked:
        """A new link by which others watch a run, from the page's address on, and how long it is good. It ends with
        the link of the id ``by``."""
        run = self._run(asked)
        if run is None:
            return {"message": "There is no run to share yet."}
        links = self._studio.sharing.links
        for old in links.watching(run.id)[MOST_WATCH_LINKS - 1 :]:
            links.revoke(old.id)
        token, _ = links.make(Role.WATCHER, DAY_S, "watch one run", run.owner, run.id, by)
        return {"link": f"enter/{token}", "message": "Whoever has this link watches this run, for 24 hours."}

    def unshare(self, asked: Asked) -> Asked:
        """End every link by which a run is watched."""
        run = self._run(asked)
        ended = (
            [self._studio.sharing.links.revoke(link.id) for link in self._studio.sharing.links.watching(run.id)]
            if run
            else []
        )
        return {"message": "Nobody watches this run any more." if ended else "This run was not shared."}

    def _run(self, asked: Asked) -> Run | None:
        owner = self._visitors.known_as(asked.get("session")) if isinstance(asked, dict) else None
        return self._studio.runs.find(str(asked.get("run")), owner) if owner else None

    def _index(self, asked: Asked) -> int | None:
        run, index = self._run(asked), asked.get("index")
        known = run is not None and type(index) is int and 0 <= index < run.kept + len(run.recording)
        return index if known else None


def _finite(values: Asked) -> Asked:
    """JSON has no infinity."""
    return {name: value if value is None or abs(value) < 1e30 else None for name, value in values.items()}
