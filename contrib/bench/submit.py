"""Times one submission of a 10 KiB message by each program, in turn, so that other load on the machine affects all alike."""

import os
import random
import statistics
import time

import contenders
import summary

ALLOWED_RATIO = 1.5
# A process that does more than the bare one takes longer to start, which matters if the disk is fast.
ALLOWED_EXTRA_MS = 0.7
FAST_DISK_MS = 1.4
WARM_UP = 5
SIZE = 10 * 1024


def message():
    header = (
        "From: Cron Daemon <root>\nTo: friend@elsewhere.example\nSubject: Cron <root@homebox> backup\n"
        "Date: Mon, 06 Jul 2026 10:00:00 +0000\nMessage-ID: <1@homebox.localdomain.local>\n\n"
    )
    line = "The quick brown fox jumps over the lazy dog and mails what it saw.\n"
    return (header + line * (SIZE // len(line) + 1))[: SIZE - 1].encode() + b"\n"


def call(contender, path):
    """One call from start to exit, in milliseconds; a failed call ends the benchmark, because it would count as a fast one."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, path, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, contender.told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    start = time.perf_counter_ns()
    pid = os.posix_spawn(contender.argv[0], contender.argv, contender.environment, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    end = time.perf_counter_ns()
    if status != 0:
        with open(contender.told, encoding="utf-8", errors="replace") as told:
            raise SystemExit(f"{contender.name} failed ({os.waitstatus_to_exitcode(status)}): {told.read()}")
    return (end - start) / 1e6


def measure(target, folder, calls, wanted=1.0):
    path = folder / "10KiB"
    path.write_bytes(message())
    times = interleaved(contenders.all_of(target, folder), path, calls)
    table(f"sendmail -t, 10 KiB, {calls} calls each, interleaved", times)
    medians = {name: statistics.median(values) for name, values in times.items()}
    judge(medians, "postrider", ALLOWED_RATIO, ALLOWED_EXTRA_MS)
    summarize("user mode, one call", medians, "postrider", wanted)


def interleaved(entrants, path, calls):
    """The milliseconds of each call of each contender, in random order; checks that each has stored its messages."""
    before = {entrant.name: entrant.stored() for entrant in entrants}
    for entrant in entrants:
        for _ in range(WARM_UP):
            call(entrant, path)
        if entrant.stored() < before[entrant.name] + WARM_UP and entrant.name != "bare":
            raise SystemExit(f"{entrant.name} exits with 0 but stores nothing: its setup is wrong")
    times = {entrant.name: [] for entrant in entrants}
    for _ in range(calls):
        for entrant in random.sample(entrants, len(entrants)):
            times[entrant.name].append(call(entrant, path))
    for entrant in entrants:
        if entrant.stored() < calls:
            raise SystemExit(f"{entrant.name} did not store every message")
    return times


def table(title, times):
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{title}:")
    print(f"  {'':22}{'median':>9}{'10 %':>9}{'90 %':>9}{'x bare':>9}")
    for name, median in sorted(medians.items(), key=lambda entry: entry[1]):
        deciles = statistics.quantiles(times[name], n=10)
        print(f"  {name:22}{median:7.2f}ms{deciles[0]:7.2f}ms{deciles[-1]:7.2f}ms{median / medians['bare']:9.2f}")


def summarize(what, medians, name, wanted):
    """The ratio to the bare program's time, with those of the others."""
    ratios = {other: median / medians["bare"] for other, median in medians.items() if other != "bare"}
    others = ", ".join(f"{other} {ratio:.1f}" for other, ratio in ratios.items() if other != name)
    told = f"{ratios[name]:.2f} x bare" + (f" ({others})" if others else "")
    summary.add(what, told, f"{wanted} x or less", ratios[name] <= wanted)


def judge(medians, name, ratio, extra):
    """Whether the named contender meets its speed target, given the medians in milliseconds."""
    bare, ours = medians["bare"], medians[name]
    limit = max(bare * ratio, bare + extra) if bare < FAST_DISK_MS else bare * ratio
    words = f"{ratio} x bare; where that is under {FAST_DISK_MS} ms, bare + {extra} ms"
    verdict(f"at most {limit:.2f} ms ({words})", ours <= limit)
    for other in medians:
        if other not in ("bare", name):
            verdict(f"less than {other}", ours < medians[other])


def verdict(what, kept):
    print(f"  {'kept  ' if kept else 'MISSED'} {what}")
