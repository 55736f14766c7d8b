"""What Windows lacks is hidden, and a service and its callers work all the same. No more is claimed for Windows."""

from __future__ import annotations

from tests.support.framework_services import Program

_CODE = """
import sys
import asyncio, os, select, signal

for module, names in (
    (os, ("register_at_fork", "fork", "getuid")),
    (select, ("poll", "epoll")),
    (signal, ("SIGHUP", "SIGUSR1", "SIGALRM", "setitimer", "pthread_sigmask")),
):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
for name in ("fcntl", "termios", "resource", "pwd", "grp"):
    sys.modules[name] = None
import threading
from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, broadcast, request

url, name = sys.argv[1:]
app = Daebus(name, max_workers=2)
app.action("echo")(lambda: request.payload)
app.action("stop")(lambda: threading.Thread(target=app.stop).start())

def use():
    with DaebusCaller(name, redis_url=url, timeout=30) as caller:
        while True:
            try:
                assert caller.send_request("echo", {"n": 1}) == {"n": 1}
                break
            except LookupError:
                pass
            except Exception as error:
                if "nobody serves" not in str(error):
                    raise
        async def ask():
            async with AsyncDaebusCaller(name, redis_url=url, timeout=30) as other:
                assert await other.send_request("echo", {"n": 2}) == {"n": 2}
        asyncio.run(ask())
        broadcast.send(name + ".news", {})
        print("used", flush=True)
        caller.send_message("stop")

def use_or_end():
    try:
        use()
    except BaseException as error:
        print("failed:", repr(error), flush=True)
        os._exit(1)

user = threading.Thread(target=use_or_end)
user.start()
app.run(redis_url=url)
user.join()
print("ended")
"""


def test_a_service_runs_and_is_called_without_what_windows_lacks(redis_url: str, name: str) -> None:
    program = Program("-c", _CODE, redis_url, name)
    assert program.wait(60) == 0, program.output
    assert "used" in program.output, program.output
    assert "ended" in program.output, program.output
