"""Takes in the same bill with leap and with DuckDB, in alternation; prints medians, ratios, CPU seconds and memory.

leap decodes, maps, keys, digests, folds, writes the lake, attributes, proves and publishes durably; DuckDB reads the same
files and adds up the four costs by day, sub account and service. The totals must agree to the last digit.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb

LEAP, DATA = sys.argv[1], sys.argv[2]
ROUNDS = int(os.environ.get("LEAP_BENCH_ROUNDS", "3"))


def measured(words):
    """Runs a command; returns (stdout, wall seconds, CPU seconds, peak MiB)."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(words, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        if status != 0:
            raise SystemExit(f"{' '.join(words)} failed with status {status}")
        out.seek(0)
        return out.read().decode(), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def leap(container):
    home = tempfile.mkdtemp(prefix="leap-bench-")
    try:
        text, wall, cpu, memory = measured([LEAP, "--home", home, "ingest", os.path.join(DATA, container), "--format", "json"])
        deliveries = json.loads(text)["deliveries"]
        refused = [each for each in deliveries if each["status"] != "accepted"]
        if refused:
            raise SystemExit(f"leap did not accept: {refused}")
        totals = [sum_exact(each["totals"][0][name] for each in deliveries) for name in ("billed", "effective", "list", "contracted")]
        return totals, wall, cpu, memory
    finally:
        shutil.rmtree(home)


def sum_exact(texts):
    from decimal import Context, Decimal

    context = Context(prec=120)
    total = Decimal(0)
    for text in texts:
        total = context.add(total, Decimal(text))
    return total


def duck(container):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "duck.py")
    text, wall, cpu, memory = measured([sys.executable, script, container, os.path.join(DATA, container)])
    return [sum_exact([value]) for value in json.loads(text)], wall, cpu, memory


print(f"duckdb {duckdb.__version__}, {os.cpu_count()} cores, {ROUNDS} rounds in alternation, medians")
for container in ("parquet", "csv-gz"):
    runs = {"leap": [], "duckdb": []}
    for _ in range(ROUNDS):
        for name, work in (("leap", leap), ("duckdb", duck)):
            runs[name].append(work(container))
    answers = {name: done[0][0] for name, done in runs.items()}
    if answers["leap"] != answers["duckdb"]:
        raise SystemExit(f"{container}: the totals differ: {answers}")
    median = {name: [statistics.median(run[at] for run in done) for at in (1, 2, 3)] for name, done in runs.items()}
    for name, (wall, cpu, memory) in median.items():
        print(f"{container:8} {name:7} {wall:7.2f} s wall  {cpu:7.2f} s CPU  {memory:7.0f} MiB peak")
    print(f"{container:8} ratio   leap / duckdb = {median['leap'][0] / median['duckdb'][0]:.2f} in wall time; totals equal")
