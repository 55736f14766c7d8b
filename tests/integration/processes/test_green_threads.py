"""Under eventlet and gevent, which stand in for sockets, locks and threads, and take `select.poll` away."""

from __future__ import annotations

import pytest

from tests.support.framework_services import Program

_CODE = """
import sys
{patch}
import threading
from daebus import Daebus, DaebusCaller, request

url, name = sys.argv[1:]
app = Daebus(name, max_workers=4)
app.action("echo")(lambda: request.payload)
answers = []

def ask(caller, number):
    for n in range(20):
        answers.append(caller.send_request("echo", {{"n": n}}) == {{"n": n}})

with app.start(redis_url=url), DaebusCaller(name, redis_url=url, timeout=30) as caller:
    threads = [threading.Thread(target=ask, args=(caller, number)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("answers", len(answers), all(answers))
"""
PATCHES = {
    "eventlet": "import eventlet; eventlet.monkey_patch()",
    "gevent": "from gevent import monkey; monkey.patch_all()",
}


@pytest.mark.parametrize("library", PATCHES)
def test_a_service_and_its_callers_work(redis_url: str, name: str, library: str) -> None:
    program = Program("-W", "ignore", "-c", _CODE.format(patch=PATCHES[library]), redis_url, name)
    assert program.wait(60) == 0, program.output
    assert "answers 100 True" in program.output, program.output
