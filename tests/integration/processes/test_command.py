"""The program `daebus`: a service of a module runs, and what cannot be run is said in words."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from daebus import Daebus, DaebusCaller, Requester, RequestFailed
from daebus.command import main
from daebus.version import __version__
from tests.support.framework_services import ROOT, program, subscribers
from tests.support.processes import die_with_parent
from tests.support.waiting import eventually

USERS = """
from daebus import Daebus, request
app = Daebus("users", max_workers=2)
other = Daebus("others")
text = "no app"

@app.action("get_user")
def get_user():
    return {"id": request.payload["id"]}

@app.listen("news")
def heard(_payload):
    pass

@app.background("tidy", 60)
def tidy():
    pass
"""
LOGGING = """
import logging.config
logging.config.dictConfig({
    "version": 1,
    "handlers": {"all": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["all"], "level": "INFO"},
})
"""
Write = Callable[[str], str]
_numbers = itertools.count()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module of that text into the folder one is in, in a package of its own; returns its dotted name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(text: str) -> str:
        package = f"shop_{os.getpid()}_{next(_numbers)}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "users.py").write_text(text)
        return f"{package}.users"

    return write


def test_a_service_of_a_module_runs_until_it_is_told_to_end(write: Write, redis_url: str, name: str) -> None:
    command = [sys.executable, "-m", "daebus", "run", f"{write(USERS)}:app", "--service", name, "--redis", redis_url]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    )
    try:
        eventually(lambda: subscribers(redis_url, name) == 1, within=30)
        with DaebusCaller(name, redis_url=redis_url) as caller:
            assert caller.send_request("get_user", {"id": 7}) == {"id": 7}
        process.send_signal(signal.SIGTERM)
        _out, log = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, log
    assert "Traceback" not in log


def test_a_log_of_json_is_json_from_the_first_line_to_the_last(write: Write, redis_url: str, name: str) -> None:
    text = f"{USERS}\nimport logging\nlogging.basicConfig(format='of its own')\nlogging.warning('imported')\n"
    where = f"{write(text)}:app"
    command = ["-m", "daebus", "run", where, "--service", name, "--redis", redis_url, "--log-format", "json"]
    command.append("--debugger")
    with program(*command, serves=name, url=redis_url, cwd=os.getcwd()) as process:
        with DaebusCaller(name, redis_url=redis_url) as caller, pytest.raises(RequestFailed):
            caller.send_request("get_user", {}, request_id="r-1")
        with Requester(redis_url) as requester:
            assert requester.call(f"daebus.control.{name}", "info")["debugger"] is True
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        lines = [json.loads(line) for line in process.output.splitlines()]
    assert lines[0]["message"] == "imported"
    assert [line["message"] for line in lines if line.get("service") == name][-1] == f"{name}: stopped"
    (failed,) = [line for line in lines if line["level"] == "ERROR"]
    assert (failed["action"], failed["request_id"]) == ("get_user", "r-1")
    assert failed["exception"].endswith("KeyError: 'id'")


@pytest.mark.parametrize(
    ("options", "environment", "workers"),
    [
        ([], {}, 2),
        (["--max-workers", "7"], {"DAEBUS_MAX_WORKERS": "3"}, 7),
        (["--max-workers=007"], {}, 7),
        (["--workers-from-env"], {"DAEBUS_MAX_WORKERS": "3"}, 3),
        (["--workers-from-env"], {"DAEBUS_MAX_WORKERS": " 3\n"}, 3),
        (["--workers-from-env"], {}, 2),
        (["--workers-from-env"], {"DAEBUS_MAX_WORKERS": ""}, 2),
        (["--workers-from-env", "WEB_CONCURRENCY"], {"WEB_CONCURRENCY": "4", "DAEBUS_MAX_WORKERS": "3"}, 4),
    ],
)
def test_how_many_workers_there_are_may_be_said(
    write: Write, monkeypatch: pytest.MonkeyPatch, options: list[str], environment: dict[str, str], workers: int
) -> None:
    found: list[int] = []
    monkeypatch.delenv("DAEBUS_MAX_WORKERS", raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(Daebus, "run", lambda app, *_arguments, **_options: found.append(app.options.max_workers))
    assert main(["run", f"{write(USERS)}:app", *options]) == 0
    assert found == [workers]


@pytest.mark.parametrize("reload", [[], ["--reload"]])
@pytest.mark.parametrize("logging", ["", LOGGING])
def test_that_the_variable_is_not_set_is_said_in_the_log(
    write: Write, redis_url: str, name: str, logging: str, reload: list[str]
) -> None:
    where = f"{write(f'{logging}{USERS}')}:app"
    command = ["-m", "daebus", "run", where, "--service", name, "--redis", redis_url, "--workers-from-env", "NONE_YET"]
    with program(*command, *reload, serves=name, url=redis_url, cwd=os.getcwd()) as process:
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert "NONE_YET is not set: 2 workers, as the app has it" in process.output


@pytest.mark.parametrize(
    ("options", "value", "said"),
    [
        (["--max-workers", "0"], "", "--max-workers must be a whole number of at least 1, not '0'"),
        (["--max-workers", "many"], "", "--max-workers must be a whole number of at least 1, not 'many'"),
        (["--max-workers=-1"], "", "--max-workers must be a whole number of at least 1, not '-1'"),
        (["--max-workers", "99999"], "", "max_workers must be a whole number of at least 1 and at most 10000"),
        (["--workers-from-env"], "2.5", "DAEBUS_MAX_WORKERS must be a whole number of at least 1, not '2.5'"),
        (["--workers-from-env"], "\u0663", "DAEBUS_MAX_WORKERS must be a whole number of at least 1, not '\\u0663'"),
        (["--workers-from-env"], "9" * 5000, "DAEBUS_MAX_WORKERS must be a whole number of at least 1, not '999"),
        (["--workers-from-env", "a:b"], "", "'a:b' is no name of a variable; write MODULE before --workers-from-env"),
    ],
)
def test_what_is_no_number_of_workers_is_a_mistake(
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv("DAEBUS_MAX_WORKERS", value)
    assert main(["run", f"{write(USERS)}:app", *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error) < 200


def test_what_handlers_take_is_looked_at_as_well(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    typed = (
        "from __future__ import annotations\nfrom daebus import Daebus\napp = Daebus('users')\n"
        "@app.action('get_user')\ndef get_user(user_id: int, by: Later | None = None) -> None: ...\n"
    )
    assert main(["check", f"{write(typed)}"]) == 2
    said = capsys.readouterr().err
    assert "error: the handler of action 'get_user' (" in said
    assert "users.py:4) has an annotation that is not known: name 'Later' is not defined" in said
    assert main(["check", write(f"{typed}Later = int\n")]) == 0


def test_one_that_cannot_start_says_why_and_fails(write: Write) -> None:
    module = write(USERS)
    with pytest.raises(SystemExit) as ended:
        main(["run", module, "--redis", "redis://:s3cret@127.0.0.1:1"])
    assert ended.value.code == 1


def test_check_tells_what_a_service_has(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    module = write(USERS)
    assert main(["check", module]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{module}: users",
        "  actions: get_user",
        "  listens to: news",
        "  background tasks: tidy",
    ]
    assert main(["check", f"{module}:other"]) == 0
    assert capsys.readouterr().out == f"{module}:other: others\n"


@pytest.mark.parametrize(
    ("where", "text", "said"),
    [
        ("{}:nothing", USERS, "'{}' has no 'nothing'; it has {}:app, {}:other"),
        ("{}:text", USERS, "{}:text is no Daebus but a str; it has {}:app, {}:other"),
        ("{}", "a = 1", "'{}' has no 'app'; it has no Daebus"),
        ("{}s", USERS, "there is no module '{}s' here or where Python looks for them"),
        ("nowhere.{}", USERS, "there is no module 'nowhere' here or where Python looks for them"),
        (
            "{}",
            "import nowhere_at_all",
            "'{}' cannot be imported: ModuleNotFoundError: No module named 'nowhere_at",
        ),
        ("{}", "a = 1\nraise LookupError('no\\nidea')", "'{}' cannot be imported: LookupError: no (*users.py:2)"),
        ("{}", "raise OSError('no redis://ann:s3@h')", "'{}' cannot be imported: OSError: no redis://ann:***@h (*"),
        ("{}", "def f(:\n  pass", "'{}' cannot be imported: SyntaxError: invalid syntax (*users.py:1)"),
        ("{}", "import os\nos.environ['NO_SUCH']", "'{}' cannot be imported: KeyError: 'NO_SUCH' (*users.py:2)"),
        ("{}", "import json\nx = json.loads('')", "'{}' cannot be imported: json.decoder.JSONDecodeError*users.py:2)"),
        (
            "{}",
            "import os\nexec('1 / 0')",
            "'{}' cannot be imported: ZeroDivisionError: division by zero (*users.py:2)",
        ),
        ("{}", "import ast\nast.literal_eval('(')", "'{}' cannot be imported: SyntaxError: '(' was never*users.py:2)"),
        (
            "{}",
            "import msgspec\nclass A(msgspec.Struct, tag=3, tag_field=4): ...",
            "'{}' cannot be imported: TypeError: *users.py:2)",
        ),
        (
            "{}",
            "from importlib import import_module\n\nimport_module('no_such')",
            "'{}' cannot be imported: ModuleNotFoundError: No module named 'no_such' (*users.py:3)",
        ),
        ("{}", "raise SystemExit(3)", "'{}' cannot be imported: SystemExit: 3 (*users.py:1)"),
        (
            "{}",
            "from daebus import Daebus\napp = Daebus('a')\napp.action('x')(dict)\napp.action('x')(dict)",
            "'{}' cannot be imported: action 'x' has a handler already in 'a'; each may have only one (*users.py:4)",
        ),
        (
            "{}",
            "from daebus import Daebus\nDaebus('a', max_workers='20')",
            "'{}' cannot be imported: max_workers must be a whole number of at least 1 and at most * (*users.py:2)",
        ),
        (
            "{}",
            USERS + "\napp.run(service='user_service')",
            "'{}' cannot be imported: app.run() is called while the module is imported; put it under"
            ' `if __name__ == "__main__":` (*users.py:19)',
        ),
        (
            "{}",
            USERS + "\napp.start()",
            "'{}' cannot be imported: app.start() is called while the module is imported; *",
        ),
        (
            "{}",
            "from daebus import Daebus\nDaebus('a').action('b')(lambda *c, d: c)",
            "'{}' cannot be imported: the handler of action 'b' (*users.py:2) takes *c,",
        ),
        (
            "{}:create_app",
            "def create_app(): ...",
            "{}:create_app is a function and no app; write app = create_app() in a module of its own, say, and name"
            " that app; it has no Daebus",
        ),
        ("{}:create_app()", USERS + "\ndef create_app(): ...", "write app = create_app() *; it has {}:app, {}:other"),
        ("{}.other", USERS, "there is no module '{}.other' *; for 'other' in the module '{}', write {}:other"),
        ("", USERS, "'' names no module; write it as Python imports it, such as shop.users:app"),
        (":app", USERS, "':app' names no module"),
        ("users.py", USERS, "there is no module 'users' here or *; for the file users.py, write users"),
        ("{}.py", USERS, "; for the file {}.py, write {}"),
        ("{}.py:other", USERS, "; for the file {}.py, write {}:other"),
        ("./users.py", USERS, "'./users.py' names no module; write it as Python imports it, such as users:app"),
        ("shop/users.py:other", USERS, "names no module; write it as Python imports it, such as shop.users:other"),
        ("shop/__init__.py:app", USERS, "names no module; write it as Python imports it, such as shop:app"),
        ("../us ers.py", USERS, "names no module; write it as Python imports it, such as shop.users:app"),
        ("..{}", USERS, "'..{}' names no module"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "check"])
def test_what_cannot_be_run_is_said_in_words(
    write: Write, capsys: pytest.CaptureFixture[str], verb: str, where: str, text: str, said: str
) -> None:
    module = write(text)
    assert main([verb, where.replace("{}", module)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    at = 0
    for part in said.replace("{}", module).split("*"):
        assert part in error[at:], error
        at = error.index(part, at) + len(part)
    assert "Traceback" not in error


@pytest.mark.parametrize("verb", ["check", "new"])
def test_what_cannot_be_printed_is_said_in_words(write: Write, verb: str) -> None:
    named = write(USERS) if verb == "check" else "orders"
    arguments = [sys.executable, "-m", "daebus", verb, named]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open("/dev/full", "w") as full:
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stderr) == (
        2,
        "error: cannot write to standard output: No space left on device\n",
    )


def test_what_the_terminal_has_no_sign_for_is_written_as_an_escape(write: Write) -> None:
    named = write("from daebus import Daebus\napp = Daebus('a')\napp.action('gr\\u00fc\\u00dfen')(lambda: {})\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    arguments = [sys.executable, "-m", "daebus", "check", named]
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "actions: gr\\xfc\\xdfen" in done.stdout


@pytest.mark.parametrize("verb", ["check", "new"])
def test_a_reader_that_has_gone_has_what_it_wanted(write: Write, verb: str) -> None:
    named = write(USERS) if verb == "check" else "orders"
    arguments = [sys.executable, "-m", "daebus", verb, named]
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("url", ["http://localhost", "redis://:s3c/ret@localhost"])
def test_a_url_that_is_none_is_a_mistake_and_its_password_is_not_shown(
    write: Write, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert main(["run", write(USERS), "--redis", url]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "s3c" not in error


@pytest.mark.parametrize("name", ["DAEBUS_REDIS_URL", "REDIS_URL"])
def test_a_wrong_url_of_the_environment_is_told_with_its_variable(
    write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("DAEBUS_REDIS_URL", raising=False)
    monkeypatch.setenv(name, "localhost:6379")
    assert main(["run", write(USERS)]) == 2
    assert capsys.readouterr().err.endswith(f", from {name}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "users:app", "--workers", "4"], "unrecognized arguments: --workers 4; did you mean --max-workers?"),
        (["run", "users:app", "debug"], "unrecognized arguments: debug; did you mean --debug?"),
        (["run", "users:app", "run"], "unrecognized arguments: run\n"),
        (["run", "users:app", "--share"], "unrecognized arguments: --share; did you mean --shared?"),
        (["run", "users:app", "--redis-url=redis://h"], "unrecognized arguments: --redis-url=redis://h; did you mean"),
        (["run", "users:app", "users:app"], "unrecognized arguments: users:app\n"),
        (["check", "users:app", "--shared"], "unrecognized arguments: --shared\n"),
    ],
)
def test_an_option_that_there_is_not_is_told_with_the_one_meant(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"usage: daebus {arguments[0]} ")
    assert said in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "users:app", "{url}"], "unrecognized arguments: redis://:***@h:1\n"),
        (["run", "users:app", "--redis-url", "{url}"], "unrecognized arguments: --redis-url redis://:***@h:1"),
        (["run", "users:app", "--reload={url}"], "argument --reload: ignored explicit argument 'redis://:***@h:1'\n"),
        (["run", "users:app", "--max-workers", "{url}"], "at least 1, not 'redis://:***@h:1'\n"),
        (
            ["run", "{url}"],
            "error: 'redis://:***@h:1' names no module; `daebus run` takes the URL of Redis with --redis\n",
        ),
        (["check", "{url}"], "error: 'redis://:***@h:1' names no module;"),
        (["{url}"], "invalid choice: 'redis://:***@h:1'"),
    ],
)
def test_a_url_in_the_place_of_something_else_is_told_without_its_password(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    try:
        status: object = main([each.replace("{url}", "redis://:hunter2@h:1") for each in arguments])
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    told = capsys.readouterr().err
    assert said in told
    assert "hunter2" not in told


@pytest.mark.parametrize("option", ["--service", "--redis"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_option_is_not_taken_for_none(
    write: Write, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert main(["run", write(USERS), option, value]) == 2
    assert capsys.readouterr().err == f"error: {option} is given, and is empty: name one, or leave {option} out\n"


def test_it_tells_its_version_and_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, status, said in ((["--version"], 0, __version__), (["--help"], 0, "VERB"), ([], 2, "VERB")):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == status
        told = capsys.readouterr()
        assert said in told.out + told.err
