"""What it costs to start the programs that are started for each mail, beside a C program that does nothing: time, page faults,
relocations and instructions. sendmail is asked for a mode of which there is nothing to do (-bh); postrider-drop gets no input and
refuses it, after all that it does before it reads any."""

import os
import random
import re
import shutil
import statistics
import subprocess
import time

import contenders
import summary
from submit import verdict

CALLS = 1000
WARM_UP = 20
MOST_MS = 0.15


def measure(target, folder):
    own = contenders.fresh(folder, "start")
    source, nothing = own / "nothing.c", own / "nothing"
    source.write_text("int main(void) { return 0; }\n")
    subprocess.run(["cc", "-O2", "-static", "-o", nothing, source], check=True)
    programs = {"nothing": [nothing], "sendmail": [target / "sendmail", "-bh"], "postrider-drop": [target / "postrider-drop"]}
    times = {name: [] for name in programs}
    faults = {}
    for turn in range(-WARM_UP, CALLS):
        for name in random.sample(list(programs), len(programs)):
            taken, faults[name] = start(programs[name])
            if turn >= 0:
                times[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    print(f"the start alone, {CALLS} times each, interleaved:")
    print(f"  {'':16}{'median':>9}{'10 %':>9}{'90 %':>9}{'faults':>9}{'relocations':>13}{'instructions':>14}")
    for name, median in medians.items():
        deciles = statistics.quantiles(times[name], n=10)
        print(
            f"  {name:16}{median:7.3f}ms{deciles[0]:7.3f}ms{deciles[-1]:7.3f}ms{faults[name]:9}"
            f"{relocations(programs[name][0]):>13}{instructions(programs[name], own):>14}"
        )
    for name in list(medians)[1:]:
        above = medians[name] - medians["nothing"]
        verdict(f"{name}: {above:.2f} ms above nothing, at most {MOST_MS}", above <= MOST_MS)
        summary.add(f"start of {name}", f"{above:.2f} ms above a C program that does nothing", f"{MOST_MS} ms", above <= MOST_MS)


def start(command):
    """Milliseconds and page faults."""
    actions = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    begun = time.perf_counter_ns()
    pid = os.posix_spawn(command[0], command, contenders.PATH, file_actions=actions)
    _, _, used = os.wait4(pid, 0)
    return (time.perf_counter_ns() - begun) / 1e6, used.ru_minflt


def relocations(program):
    told = subprocess.run(["readelf", "--wide", "--relocs", program], check=True, capture_output=True, text=True).stdout
    return len(re.findall(r"^[0-9a-f]{8,}", told, re.MULTILINE))


def instructions(command, own):
    if shutil.which("valgrind") is None:
        return "-"
    counted = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={own / 'calls'}", *command]
    told = subprocess.run(counted, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stderr
    return next((line.split()[-1] for line in told.splitlines() if "refs:" in line), "-")
