"""What is watched while a server is under load: how fast /health answers, its memory, threads and descriptors.

Contract: HealthProbe asks from a process of its own, since a busy client would measure itself. `python3 watch.py ADDRESS`
is that process: it asks until its standard input ends and prints the seconds of every answer as JSON.
Not here: the load.
"""

import http.client
import json
import os
import select
import statistics
import subprocess
import sys
import threading
import time

PROBE_SECONDS = 0.02
SAMPLE_SECONDS = 0.5
FAILED = -1.0


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class HealthProbe:
    def __init__(self, address):
        self.process = subprocess.Popen([sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def finish(self):
        """{count, failed, p50_ms, p99_ms, max_ms}"""
        out, _ = self.process.communicate()
        seconds = json.loads(out)
        good = [value for value in seconds if value != FAILED]
        figures = {"count": len(seconds), "failed": len(seconds) - len(good)}
        for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99), ("max_ms", 1.0)):
            figures[name] = round(1000 * percentile(good, share), 2)
        return figures


def probe(address):
    seconds = []
    connection = http.client.HTTPConnection(address, timeout=60)
    while not select.select([sys.stdin], [], [], PROBE_SECONDS)[0]:
        begun = time.perf_counter()
        try:
            connection.request("GET", "/health")
            response = connection.getresponse()
            good = response.read() == b'{"status":"ok"}' and response.status == 200
            seconds.append(time.perf_counter() - begun if good else FAILED)
        except (OSError, http.client.HTTPException):
            seconds.append(FAILED)
            connection.close()
    print(json.dumps(seconds))


def status_of(pid):
    """{name: kilobytes, threads or descriptors}"""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as lines:
        fields = dict(line.split(":", 1) for line in lines)
    anonymous = sum(int(fields[name].split()[0]) for name in ("RssAnon", "VmSwap"))
    return {"anonymous_kb": anonymous, "threads": int(fields["Threads"]), "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


class MemoryWatch:
    """Samples of a process until finish()."""

    def __init__(self, pid):
        self.pid, self.samples, self.ended = pid, [], threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ended.wait(SAMPLE_SECONDS):
            self.samples.append((time.monotonic(), status_of(self.pid)))

    def finish(self):
        """{growth_mb: of the last third over the middle one, ...}; the first third is warming up."""
        self.ended.set()
        self.thread.join()
        kilobytes = [sample["anonymous_kb"] for _, sample in self.samples]
        third = max(1, len(kilobytes) // 3)
        middle, last = kilobytes[third:2 * third] or kilobytes, kilobytes[2 * third:] or kilobytes
        return {"anonymous_mb": round(kilobytes[-1] / 1024, 1), "peak_mb": round(max(kilobytes) / 1024, 1),
                "growth_mb": round((statistics.mean(last) - statistics.mean(middle)) / 1024, 2),
                "threads": max(sample["threads"] for _, sample in self.samples),
                "descriptors": max(sample["descriptors"] for _, sample in self.samples)}


if __name__ == "__main__":
    probe(sys.argv[1])
