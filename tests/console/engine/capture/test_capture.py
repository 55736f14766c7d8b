"""Capture files: what is written, what is read back, and what becomes of a file that is damaged or none of ours."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daebus_console.engine.capture import writer as capture_writer
from daebus_console.engine.capture.format import CaptureError, without_password
from daebus_console.engine.capture.reader import CaptureReader, open_capture
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.frame import Frame, Gap
from daebus_console.files.packing import zstd
from tests.support.waiting import eventually

HEADER = '{"daebus_capture": 1, "redis": "redis://localhost/0", "started": 5.0}\n'
NAMES = ("plain.jsonl", "zipped.jsonl.gz", "zipped.jsonl.zst")

FRAMES = [
    Frame(10.0, "orders", b'{"action": "x"}'),
    Frame(10.000123, "caller:1", 'zoë \N{GRINNING FACE} \u2028 \\ " \n'.encode()),
    Frame(11.5, "orders", b"\xff\x00 no utf-8"),
    Frame(11.5, "", b""),
    Frame(12.0, "kanäle", b"\x00\x1f"),
]


def write(path: Path, items: list[Frame | Gap], **options: object) -> CaptureWriter:
    with CaptureWriter(path, "redis://localhost/0", 5.0, **options) as writer:  # type: ignore[arg-type]  # as given
        for item in items:
            if isinstance(item, Gap):
                assert item.seconds is not None
                writer.gap(item.start, item.seconds, item.reason)
            else:
                writer.write(*item)
    return writer


def read(path: Path) -> tuple[list[Frame | Gap], list[str]]:
    reader = CaptureReader(path)
    return list(reader), reader.warnings


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return {".gz": gzip.decompress, ".zst": zstd().decompress}.get(path.suffix, bytes)(data).decode()


@pytest.fixture(params=NAMES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


# Writing and reading --------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_back_to_the_byte(path: Path) -> None:
    items: list[Frame | Gap] = [*FRAMES, Gap(12.5, 14.0, 'cut off "again"'), Frame(14.0, "x", b"1")]
    writer = write(path, items)
    assert read(path) == (items, [])
    assert (writer.written, writer.lost, writer.error) == (6, 0, None)
    assert writer.bytes == path.stat().st_size


def test_the_file_is_json_lines_as_described(path: Path) -> None:
    write(path, [FRAMES[0], FRAMES[2], Gap(12.0, 13.5, "why")])
    lines = [json.loads(line) for line in text_of(path).splitlines()]
    assert lines == [
        {"daebus_capture": 1, "redis": "redis://localhost/0", "started": 5.0},
        {"at": 10.0, "channel": "orders", "data": '{"action": "x"}'},
        {"at": 11.5, "channel": "orders", "data_base64": "/wAgbm8gdXRmLTg="},
        {"at": 12.0, "gap": 1.5, "reason": "why"},
    ]


def test_the_header_is_there_before_anything_else_is_read(path: Path) -> None:
    write(path, list(FRAMES))
    with CaptureReader(path) as reader:
        assert (reader.header.redis, reader.header.started, reader.header.redacted) == ("redis://localhost/0", 5.0, [])


def test_a_capture_is_the_owners_alone_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        write(path, [])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_not_overwritten(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="--force"):
        CaptureWriter(path, "", 0.0)
    assert path.read_text() == "precious"


def test_force_replaces_it_and_closes_it_to_others(path: Path) -> None:
    path.write_text("x" * 10_000)
    path.chmod(0o644)
    write(path, [FRAMES[0]], force=True)
    assert read(path) == ([FRAMES[0]], [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot record to .*nowhere"):
        CaptureWriter(tmp_path / "nowhere" / "file", "", 0.0)
    with pytest.raises(OSError, match="cannot record to"):
        CaptureWriter(tmp_path, "", 0.0, force=True)


def test_no_password_reaches_the_file(path: Path) -> None:
    with CaptureWriter(path, "redis://user:s3cret@host:1/0?password=s3cret&x=1", 0.0):
        pass
    assert "s3cret" not in text_of(path)
    assert read_capture_header(path) == "redis://user:***@host:1/0?password=***&x=1"


def read_capture_header(path: Path) -> str:
    with CaptureReader(path) as reader:
        return reader.header.redis


@pytest.mark.parametrize("url", ["redis://:s3c/ret@host:1/0", "redis://ann:s3c?ret@host/0", "redis://:s3c@ret@host#x"])
def test_a_password_with_a_sign_that_ends_the_host_part_is_masked_whole(url: str) -> None:
    shown = without_password(url)
    assert "s3c" not in shown
    assert "ret" not in shown
    assert shown.split("@")[-1] == url.split("@")[-1]


@pytest.mark.parametrize("url", ["redis://host:6379/0", "unix:///tmp/r.sock", "redis://user@host", "rediss://h?db=1"])
def test_a_url_without_a_password_stays_as_it_is(url: str) -> None:
    assert without_password(url) == url


def test_redaction_reaches_the_file_and_the_header_says_so(path: Path) -> None:
    secret = Frame(1.0, "login", b'{"user": "ann", "Password": "s3cret"}')
    write(path, [secret], redact=Redactor(["password"]))
    items, _warnings = read(path)
    assert items == [Frame(1.0, "login", b'{"user": "ann", "Password": "***"}')]
    with CaptureReader(path) as reader:
        assert reader.header.redacted == ["password"]


def test_a_name_that_utf8_cannot_hold_does_not_end_the_recording(path: Path) -> None:
    writer = write(path, [Frame(1.0, "half \ud83d", b"a"), Frame(1.0, "whole", b"b")])
    assert [item.channel for item in read(path)[0] if isinstance(item, Frame)] == ["half \\ud83d", "whole"]
    assert writer.error is None


def test_what_was_recorded_is_in_the_file_while_the_recording_goes_on(path: Path) -> None:
    with CaptureWriter(path, "", 0.0) as writer:
        for frame in FRAMES:
            writer.write(*frame)
        eventually(lambda: [item for item in read(path)[0] if isinstance(item, Frame)] == FRAMES)


def test_closing_twice_is_harmless_and_leaves_no_thread(path: Path) -> None:
    writer = write(path, list(FRAMES))
    writer.close()
    assert "daebus-console-recorder" not in {thread.name for thread in threading.enumerate()}


def test_many_messages_through_many_blocks(path: Path) -> None:
    frames = [Frame(float(number), f"c{number % 9}", b"%d" % number * 20) for number in range(30_000)]
    write(path, list(frames))
    assert read(path) == (frames, [])


# When the disk fails --------------------------------------------------------------------------------------------------


def test_a_disk_that_is_full_at_the_start_is_said_at_once() -> None:
    with pytest.raises(OSError, match="cannot record to /dev/full: No space left"):
        CaptureWriter("/dev/full", "", 0.0, force=True)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Files of this process can hold no more than 100,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_fills_up_ends_the_recording_once_and_harms_nobody(tmp_path: Path, small_files: None) -> None:
    path = tmp_path / "capture"
    writer = CaptureWriter(path, "", 0.0)
    for number in range(5_000):
        writer.write(float(number), "c", b"x" * 100)
    eventually(lambda: writer.error)
    writer.write(5_000.0, "c", b"late")
    writer.close()
    assert writer.error is not None
    assert str(path) in writer.error
    assert "too large" in writer.error
    assert writer.written + writer.lost == 5_001
    items, warnings = read(path)
    assert len(items) > 500
    assert len(warnings) == 1
    assert "torn" in warnings[0]


def test_messages_that_the_disk_is_too_slow_for_are_counted_and_leave_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_writer, "MOST_WAITING", 2_000)
    path = tmp_path / "capture"
    with CaptureWriter(path, "", 0.0) as writer:
        for number in range(100):
            writer.write(float(number), "c", b"x" * 100)
        assert writer.lost > 80
        eventually(lambda: writer.waiting == 0)
        writer.write(100.0, "c", b"after")
    items, _warnings = read(path)
    gaps = [item for item in items if isinstance(item, Gap)]
    assert [item.data for item in items if isinstance(item, Frame)][-1] == b"after"
    assert len(gaps) == 1
    assert (gaps[0].end, gaps[0].reason) == (99.0, f"the disk was too slow: {writer.lost} messages are missing here")
    assert writer.written + writer.lost == 101


RECORD = """
    import sys, time
    from daebus_console.engine.capture.writer import CaptureWriter
    writer = CaptureWriter(sys.argv[1], "", 0.0)
    number = 0
    while True:
        now = time.time()
        for _ in range(100):
            writer.write(now, "c", b'{"n": %d}' % number)
            number += 1
        print(now, flush=True)
        time.sleep(0.01)
"""


def test_kill_9_costs_at_most_the_last_second(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RECORD), str(path)], stdout=subprocess.PIPE, env=environment
    )
    try:
        assert child.stdout is not None
        first = float(child.stdout.readline())
        last = first
        while last < first + 2:
            last = float(child.stdout.readline())
    finally:
        child.kill()
        rest = child.communicate()[0].split()
    last = max([last, *map(float, rest[:-1])])
    items, warnings = read(path)
    numbers = [json.loads(item.data)["n"] for item in items if isinstance(item, Frame)]
    assert numbers == list(range(len(numbers)))
    assert isinstance(items[-1], Frame)
    assert items[-1].at > last - 1
    assert len(warnings) <= 2


# Damaged files --------------------------------------------------------------------------------------------------------


def lines_of(frames: list[Frame]) -> str:
    return "".join(
        json.dumps({"at": one.at, "channel": one.channel, "data": one.data.decode()}) + "\n" for one in frames
    )


THREE = [Frame(1.0, "a", b"1"), Frame(2.0, "b", b"2"), Frame(3.0, "c", b"3")]


def test_a_torn_last_line_is_skipped_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_text(HEADER + lines_of(THREE)[:-10])
    items, warnings = read(path)
    assert items == THREE[:2]
    assert warnings == ["line 4, the last one, is torn and skipped: the recording was cut off there"]


def test_a_last_line_that_only_lacks_its_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_text(HEADER + lines_of(THREE)[:-1])
    assert read(path) == (THREE, [])


@pytest.mark.parametrize(
    "line",
    ["garbage", "[]", "{}", '{"at": 1}', '{"at": 1, "channel": "x"}', '{"at": "now", "channel": "x", "data": ""}',
     '{"at": -5, "channel": "x", "data": ""}', '{"at": 1e300, "channel": "x", "data": ""}',
     '{"at": 1, "channel": "x", "data": {}}', '{"at": 1, "channel": "x", "data_base64": "?"}',
     '{"at": 1, "gap": -1}', '{"at": 1, "channel": "x", "data": "\\ud800"}', "\x00\x00", "[" * 5000],
)  # fmt: skip
def test_a_bad_line_in_the_middle_is_skipped_and_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "capture"
    path.write_text(HEADER + lines_of(THREE[:2]) + line + "\n" + lines_of(THREE[2:]))
    reader = CaptureReader(path)
    assert list(reader) == THREE
    assert len(reader.warnings) == reader.skipped == 1
    assert reader.warnings[0].startswith("line 4 is skipped: ")


def test_blank_lines_other_line_ends_and_unknown_fields_are_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    text = (HEADER + "\n" + lines_of(THREE) + "\n").replace("\n", "\r\n").replace('"at"', '"new": [1], "at"')
    path.write_bytes(text.encode())
    assert read(path) == (THREE, [])


def test_only_so_many_warnings_are_kept_but_all_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_text(HEADER + "bad\n" * 500)
    reader = CaptureReader(path)
    assert list(reader) == []
    assert (len(reader.warnings), reader.skipped) == (100, 500)


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd().compress}


@pytest.mark.parametrize("by", COMPRESSED)
def test_a_truncated_stream_gives_what_is_there(tmp_path: Path, by: str) -> None:
    path = tmp_path / "capture"
    frames = [Frame(float(number), "c", os.urandom(30).hex().encode()) for number in range(5_000)]
    data = COMPRESSED[by]((HEADER + lines_of(frames)).encode())
    path.write_bytes(data[: len(data) // 2])
    items, warnings = read(path)
    assert 1_000 < len(items) < 5_000
    assert items == frames[: len(items)]
    assert any(f"the {by} stream ends early" in warning for warning in warnings)


def test_a_damaged_gzip_gives_what_stands_before_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "capture.gz"
    frames = [Frame(float(number), "c", os.urandom(30).hex().encode()) for number in range(20_000)]
    data = bytearray(gzip.compress((HEADER + lines_of(frames)).encode()))
    data[-8:] = b"\0" * 8
    path.write_bytes(data)
    items, warnings = read(path)
    assert items == frames[: len(items)]
    assert len(items) > 19_980
    assert any("damaged" in warning for warning in warnings)


def test_a_damaged_zstd_gives_the_blocks_before_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "capture.zst"
    frames = [Frame(float(number), "c", os.urandom(30).hex().encode()) for number in range(20_000)]
    data = bytearray(zstd().compress((HEADER + lines_of(frames)).encode()))
    half = len(data) // 2
    data[half : half + 200] = b"\xff" * 200
    path.write_bytes(data)
    items, warnings = read(path)
    assert items == frames[: len(items)]
    assert 5_000 < len(items) < 15_000
    assert any("the zstd stream is damaged" in warning for warning in warnings)


def test_compression_is_told_by_the_content_and_may_have_several_members(tmp_path: Path) -> None:
    path = tmp_path / "renamed"
    path.write_bytes(gzip.compress(HEADER.encode()) + gzip.compress(lines_of(THREE).encode()) + b"\0" * 100)
    assert read(path) == (THREE, [])
    # Frames to be skipped, as other programs put them before and between.
    skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    parts = skipped, zstd().compress(HEADER.encode()), skipped, zstd().compress(lines_of(THREE).encode()), skipped
    path.write_bytes(b"".join(parts))
    assert read(path) == (THREE, [])


def test_one_wrong_bit_in_a_recording_is_no_other_message(tmp_path: Path) -> None:
    path = tmp_path / "capture.zst"
    # The same each time, for of other data a bit may not matter, once in some thousand.
    chance = random.Random(7)
    frames = [Frame(float(number), "c", chance.randbytes(30).hex().encode()) for number in range(200)]
    write(path, frames)  # type: ignore[arg-type]  # no gap is among them
    data = path.read_bytes()
    for at in range(30, len(data) - 1, len(data) // 60):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        path.write_bytes(damaged)
        # Up to the damage it is what it was, and after that nothing is made up.
        items, said = whatever(path)
        assert items == frames[: len(items)]
        assert any("the zstd stream is damaged" in text for text in said)


def whatever(path: Path) -> tuple[list[Frame | Gap], list[str]]:
    """What can be read of a file, and what is said of the rest."""
    try:
        return read(path)
    except CaptureError as error:
        return [], [str(error)]


def test_what_zstd_cannot_read_is_said_and_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "capture.zst"
    module = zstd()
    text = (HEADER + lines_of(THREE)).encode()
    parameter = module.CompressionParameter
    wide = module.ZstdCompressor(options={parameter.window_log: 30})
    path.write_bytes(wide.compress(text) + wide.flush())
    with pytest.raises(
        CaptureError, match="it takes more memory than zstd allows by default; compress it without --long"
    ):
        read(path)
    samples = [f"{number} of several texts that look alike".encode() for number in range(500)]
    path.write_bytes(module.compress(text, zstd_dict=module.train_dict(samples, 1_000)))
    with pytest.raises(CaptureError, match="it needs the dictionary that it was compressed with"):
        read(path)
    path.write_bytes(module.compress(module.compress(text)))
    with pytest.raises(CaptureError, match=r"it is compressed with zstd, twice$"):
        read(path)


@pytest.mark.parametrize("by", COMPRESSED)
def test_what_takes_a_thousandth_of_its_size_is_read_piece_by_piece(tmp_path: Path, by: str) -> None:
    path = tmp_path / "capture"
    line = json.dumps({"at": 1.0, "channel": "c", "data": "a" * 1_000_000}) + "\n"
    path.write_bytes(COMPRESSED[by]((HEADER + line * 60).encode()))
    stored = open_capture(path)
    assert stored.size < 200_000
    tracemalloc.start()
    try:
        with CaptureReader(stored) as reader:
            assert sum(len(one.data) for one in reader if isinstance(one, Frame)) == 60_000_000
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


# No captures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"\x1f\x8b broken", "cannot be read: the gzip stream is damaged"),
        (b"\x28\xb5\x2f\xfd broken", "cannot be read: the zstd stream is damaged"),
        (b"\n\n", "no capture"),
        (b"hello\n", "no capture"),
        (b'{"a": 1}\n', "no capture"),
        (b'[{"daebus_capture": 1}]', "no capture"),
        (b'{"daebus_capture": "one"}', "no capture"),
        (b'{"daebus_capture": 0}', "no capture"),
        (b'{"daebus_capture": 1, "redis": []}', "no capture"),
        (b"\x7fELF" + bytes(200_000), "no capture"),
        (b'{"daebus_capture": 2, "redis": {"new": "shape"}}\n', "version 2, and this console reads versions up to 1"),
    ],
)
def test_a_file_that_is_no_capture_is_refused_in_clear_words(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=says) as caught:
        CaptureReader(path)
    assert str(path) in str(caught.value)


def test_what_cannot_be_opened_is_refused_in_clear_words(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="there is no file"):
        CaptureReader(tmp_path / "absent")
    with pytest.raises(CaptureError, match="is a directory"):
        CaptureReader(tmp_path)
    with pytest.raises(CaptureError, match="cannot be read"):
        CaptureReader(tmp_path / "name\0with nul")
    with pytest.raises(CaptureError, match="cannot be read"):
        CaptureReader(Path("/proc/self/mem"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(HEADER)
    path.chmod(0)
    with pytest.raises(CaptureError, match="cannot be read: Permission denied"):
        CaptureReader(path)


def test_stopping_early_gives_the_file_back(path: Path) -> None:
    write(path, list(FRAMES))
    reader = CaptureReader(path)
    items: Iterator[Frame | Gap] = iter(reader)
    assert next(items) == FRAMES[0]
    reader.close()
    reader.close()
