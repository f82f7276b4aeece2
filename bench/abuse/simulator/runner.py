"""One run: a trace, a stub, a front, a generator; what they did becomes a summary."""
import json, os, re, shutil, signal, subprocess, sys, tempfile, threading, time, urllib.request
from . import metrics, scenario as scenarios, trace
from .targets import TOP, Process, Target


class Sampler(threading.Thread):
    """Memory and processor time of the front, once a second."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target, self.over, self.samples = target, threading.Event(), []

    def run(self):
        while not self.over.wait(1.0):
            if self.target.process:
                self.samples.append((self.target.process.rss_kib(), self.target.process.cpu_seconds()))


class Events(threading.Thread):
    """What befalls the front while it works. `begun` is time zero of the trace."""

    def __init__(self, scenario, target, begun):
        super().__init__(daemon=True)
        self.todo, self.target, self.begun, self.over, self.done = [], target, begun, threading.Event(), []
        for event in scenario["events"]:
            at = event["at"]
            while at < scenarios.length(scenario):
                self.todo.append((at, event))
                if not event.get("every"):
                    break
                at += event["every"]
        self.todo.sort(key=lambda e: e[0])

    def run(self):
        for at, event in self.todo:
            if self.over.wait(max(0.0, self.begun + at - time.monotonic())):
                return
            try:
                self.act(event)
                self.done.append((at, event["do"], "done"))
            except (OSError, SystemExit, subprocess.SubprocessError) as e:
                self.done.append((at, event["do"], str(e)))

    def act(self, event):
        if event["do"] == "pause":
            if self.target.process:
                pids = self.target.process.pids()
                for pid in pids:
                    os.kill(pid, signal.SIGSTOP)
                time.sleep(event["ms"] / 1000)
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
        elif event["do"] == "swap":
            self.target.swap()
        elif event["do"] == "kill_redis":
            self.target.kill_redis()
        else:
            raise SystemExit(f"unknown event {event['do']!r}")


def start_stub(work, scenario, core, binaries):
    s = scenario["stub"]
    os.makedirs(f"{work}/var/secrets", mode=0o700, exist_ok=True)
    stub = Process("aastub", [f"{binaries}/aastub", "--accounts", str(scenario["legit"]["users"]), "--api-cores", str(s["api_cores"]),
                              "--hash-cores", str(s["hash_cores"]), "--hash-us", str(s["hash_us"]), "--mail-interval-s",
                              str(s["mail_interval_s"]), "--class-secret", f"{work}/var/secrets/class"], work, core, out=subprocess.PIPE, stdin=subprocess.PIPE)
    words = stub.process.stdout.readline().decode().split()
    if len(words) != 4:
        stub.stop()
        raise SystemExit(f"bench: the stub did not start:\n{open(stub.log.name).read()}")
    return stub, int(words[1]), int(words[3])


def run(path, seed, target_name, tier=None, out=None, limits=1.0, config=None, seconds=None, pin=True, binaries=None):
    scenario = path if isinstance(path, dict) else scenarios.load(path)
    if seconds:
        scenario["before"], scenario["attack"], scenario["after"] = seconds
    tier = tier or scenario["tier"]
    binaries = binaries or f"{TOP}/build/bin"
    cores = sorted(os.sched_getaffinity(0))
    front_core, load_core = (cores[0], cores[1]) if pin and len(cores) > 1 else (None, None)
    work = tempfile.mkdtemp(prefix="persona-abuse-")
    started = []
    try:
        octets = trace.compile_trace(scenario, seed, tier)
        with open(f"{work}/trace", "wb") as f:
            f.write(octets)
        stub, port, control = start_stub(work, scenario, front_core, binaries)
        started.append(stub)
        target = Target(target_name, work, port, limits, front_core, config, binaries)
        started.append(target)
        target.start()
        load = Process("aaload", [f"{binaries}/aaload", "--trace", f"{work}/trace", "--port", str(target.port), "--control", str(control),
                                  "--results", f"{work}/results", "--seconds", str(scenarios.length(scenario))], work, load_core, out=subprocess.PIPE)
        started.append(load)
        if load.process.stdout.readline() != b"begin\n":
            load.process.wait(30)
            raise SystemExit(f"bench: the generator did not start:\n{load.tail()}")
        begun = time.monotonic()
        sampler, events = Sampler(target), Events(scenario, target, begun)
        before = target.process.cpu_seconds() if target.process else 0
        sampler.start()
        events.start()
        said = load.process.stdout.read().decode()
        if load.process.wait(scenarios.length(scenario) + 60) != 0:
            raise SystemExit(f"bench: the generator failed:\n{load.tail()}")
        sampler.over.set()
        events.over.set()
        events.join(5)
        died = target.process is not None and target.process.process.poll() is not None
        cpu = target.process.cpu_seconds() - before if target.process and not died else None
        ask = lambda what: json.load(urllib.request.urlopen(f"http://127.0.0.1:{control}/{what}", timeout=10))
        counters, costs = ask("counters"), dict(ask("routes"))
        summary = summarise(scenario, seed, target, tier, limits, f"{work}/results", f"{work}/var/antiabuse.jsonl", octets, counters, costs, sampler, cpu, said, died)
        summary["events"] = events.done
        if died:
            print(f"bench: {target_name} ended during {scenario['name']}:\n{target.process.tail()}", file=sys.stderr)
        if out:
            keep(out, summary, work)
        return summary
    finally:
        for one in reversed(started):
            one.stop()
        shutil.rmtree(work, ignore_errors=True)


def summarise(scenario, seed, target, tier, limits, results, rules, octets, counters, costs, sampler, cpu, said, died):
    record = trace.RECORD.size
    aux = lambda activity: int.from_bytes(octets[activity * record + 20:activity * record + 24], "little")
    evaluation = metrics.Evaluation(scenario, metrics.read(results), costs, aux)
    figures = evaluation.figures()
    figures["rss_max"] = (max((s[0] for s in sampler.samples), default=0) / 1024, "MiB")
    if cpu is not None:
        figures["front_cpu"] = (cpu * 1e6 / max(1, len(evaluation.requests)), "us/request")
    late = re.search(r"late_p99_us (\d+) open (\d+)", said)
    figures["generator_late_p99"] = (int(late.group(1)) / 1000, "ms")
    figures["outbound_private"] = (counters["private_fetches"], "fetches")
    figures["crashed"] = (int(died), "processes")
    # The generator attributes what it got answers for; the rest was answered to nobody.
    attributed = sum(r.cost for r in evaluation.requests) / 1e6
    figures["unattributed_core_s"] = (max(0.0, (counters["api_core_us"] + counters["hash_core_us"]) / 1e6 - attributed), "core-s")
    return {"scenario": scenario["name"], "title": scenario["title"], "seed": seed, "target": target.name, "tier": tier, "limits": limits,
            "seconds": [scenario["before"], scenario["attack"], scenario["after"]], "figures": figures, "slots": evaluation.slots(),
            "routes": evaluation.by_route(), "attacks": evaluation.by_attack(), "rules": evaluation.by_rule(explained(rules)), "stub": counters}


def explained(file):
    """Decision id to the rule that decided, out of the filter's explain lines; those that ours leaves out under
    load are missing."""
    out = {}
    if os.path.exists(file):
        with open(file, errors="replace") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                    out[int(entry["id"], 16)] = entry["rules"][0]["rule"] if entry["rules"] else entry["verdict"]
                except (ValueError, KeyError, TypeError):
                    continue  # the last line of a process that was ended may be half a one
    return out


def keep(out, summary, work):
    os.makedirs(out, exist_ok=True)
    name = f"{summary['scenario']}-{summary['target']}-{summary['tier']}-{summary['seed']}-x{summary['limits']:g}"
    with open(os.path.join(out, f"{name}.json"), "w") as f:
        json.dump(summary, f)
    # For whoever looks for which rule let what through.
    for file in ("results", "var/access.log", "var/antiabuse.jsonl", f"{summary['target']}.log"):
        if os.path.exists(f"{work}/{file}"):
            shutil.copy(f"{work}/{file}", os.path.join(out, f"{name}.{os.path.basename(file)}"))
