"""Runs fuzzers in turns until each has had its share of CPU time, and writes what came of it to
test/fuzz/logs/<name>.txt.

Usage: fuzz.py [--build build-fuzz] [--seconds 600] [--turn 100] <name>...

Seeds come from test/fuzz/corpus/<name>; what a fuzzer adds stays in <build>/corpus/<name>, inputs that it faults go to
<build>/findings/<name>. A call goes on where the last one stopped; a finding ends the fuzzer's turns, and after mending
it its time counts from zero again. Exit status 1 if there was a finding.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEEDS, LOGS, DICTIONARIES = (ROOT / "test/fuzz" / name for name in ("corpus", "logs", "dictionaries"))
# What libFuzzer says every now and then: "#1024 pulse cov: 12 ft: 30 corp: 5/90b ...".
PROGRESS = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)/", re.MULTILINE)
# What libFuzzer returns after SIGINT.
INTERRUPTED = 72
LENGTHS = {"ptx": 6000, "image": 6000, "tokenizer-json": 10000, "artifact": 4096, "mlir": 6000}


def command_of(build, name):
    corpus, findings = build / "corpus" / name, build / "findings" / name
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    options = ["-rss_limit_mb=4096", "-timeout=300", f"-max_len={LENGTHS.get(name, 2048)}", "-use_value_profile=1",
               "-print_final_stats=1", f"-artifact_prefix={findings}/"]
    dictionary = DICTIONARIES / f"{name}.dict"
    if dictionary.exists():
        options.append(f"-dict={dictionary}")
    return [str(build / "bin" / f"fuzz-{name}"), *options, str(corpus), str(SEEDS / name)]


def cpu_seconds(pid):
    """CPU time that a process, which has not been waited for, has had."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_once(command, share, log):
    """Runs for `share` seconds of CPU time, however long that takes; the exit status and the seconds."""
    # Container checks need every library compiled with them, and LLVM's are not.
    environment = os.environ | {"ASAN_OPTIONS": "detect_container_overflow=0:detect_leaks=0:allocator_may_return_null=1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)
    ended, interrupted = None, False
    while ended is None:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            ended = os.waitstatus_to_exitcode(status)
        elif not interrupted and cpu_seconds(process.pid) >= share:
            process.send_signal(signal.SIGINT)  # after which it prints what it has done
            interrupted = True
        else:
            time.sleep(1)
    return 0 if interrupted and ended == INTERRUPTED else ended, usage.ru_utime + usage.ru_stime


def findings_in(text):
    return re.findall(r"^(?:==\d+==\s*)?(?:ERROR|SUMMARY): .*|.*Assertion .* failed.*|^Test unit written to .*", text,
                      re.MULTILINE)


def turn(build, name, share):
    """One turn of a fuzzer; what it has done since its last finding, this turn included."""
    state = build / f"fuzz-{name}.json"
    done = json.loads(state.read_text()) if state.exists() else {}
    if not done or done["findings"]:
        done = {"cpu": 0, "runs": 0, "executions": 0, "memory": 0, "findings": []}
    command = command_of(build, name)
    with open(build / f"fuzz-{name}.log", "w+") as log:
        status, spent = run_once(command, share, log)
        log.seek(0)
        text = log.read()
    progress = PROGRESS.findall(text)
    executions = re.findall(r"stat::number_of_executed_units:\s*(\d+)", text) or [p[0] for p in progress[-1:]]
    memory = re.findall(r"stat::peak_rss_mb:\s*(\d+)", text)
    done["cpu"] += spent
    done["runs"] += 1
    done["executions"] += int(executions[-1]) if executions else 0
    done["memory"] = max(done["memory"], int(memory[-1]) if memory else 0)
    done["findings"] = (findings_in(text) or [f"exit status {status}"]) if status else []
    state.write_text(json.dumps(done))
    _, edges, features, inputs = progress[-1] if progress else (0, 0, 0, 0)
    shown = " ".join(command).replace(f"{build}/", "build-fuzz/").replace(f"{ROOT}/", "")
    lines = [f"command     {shown}", f"cpu         {done['cpu']:.0f} s in {done['runs']} runs",
             f"executions  {done['executions']}", f"coverage    {edges} edges, {features} features",
             f"corpus      {inputs} inputs", f"memory      {done['memory']} MiB at most"]
    lines += [f"finding     {finding}" for finding in done["findings"]] or ["findings    none"]
    LOGS.mkdir(exist_ok=True)
    (LOGS / f"{name}.txt").write_text("\n".join(lines) + "\n")
    print(f"{name}\n  " + "\n  ".join(lines), flush=True)
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-fuzz")
    parser.add_argument("--seconds", type=int, default=600, help="CPU time for each fuzzer")
    parser.add_argument("--turn", type=int, default=100, help="CPU time of a turn")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    waiting, found = list(options.names), False
    while waiting:
        for name in list(waiting):
            done = turn(options.build.resolve(), name, options.turn)
            found = found or bool(done["findings"])
            if done["findings"] or done["cpu"] >= options.seconds:
                waiting.remove(name)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
