"""What anti-abuse.md 7.3 asks for, out of one run's results."""
import collections, struct
from . import people, trace

# bench/abuse/src/wire.h: Result.
RESULT = struct.Struct("<QIIIIIHBBBBBBIQ")
Row = collections.namedtuple("Row", "at latency cost actor account activity status route verdict outcome label place flags group decision")
ADMITTED, REFUSED, CHALLENGED, DROPPED, TIMED_OUT, SERVED, UNSENT = range(7)
FINISHED, SIGNED_IN, GAVE_UP, CUT_OFF = 16, 17, 18, 19
ACTIVITY, BUSY = 255, 16
STOPPED, WAS_CHALLENGED, SECOND_TRY, RIGHT = 64, 32, 128, trace.RIGHT_PASSWORD
OUTCOMES = {1: "auth_ok", 5: "mail_sent"}
LOGIN, VERIFY, CONTEXT = (trace.ROUTES.index(name) for name in ("authenticate_user", "verify", "session_context"))
LOGINS = {trace.BEHAVIOUR[k] for k in ("signin", "reauth", "signup", "reset")}
VERIFY_COSTS = [4430, 9130, 255, 60, 150, 120]  # by kind of abuse: requests.cpp, assertion()


def read(path):
    with open(path, "rb") as f:
        return [Row(*r) for r in RESULT.iter_unpack(f.read())]


def quantile(values, q):
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def percent(part, whole):
    return 100.0 * part / whole if whole else None


def _cost(row, costs, records):
    """What the row costs when nothing stops it: the demand, whether or not the back end had the cores for it."""
    if row.cost and row.outcome != BUSY:
        return row.cost
    name = trace.ROUTES[row.route]
    if name == "verify" and row.label == trace.ATTACK and records:
        return VERIFY_COSTS[records(row.activity) % len(VERIFY_COSTS)]
    return costs[name]


class Evaluation:
    """`costs`: microseconds that a request of each route costs the back end when nothing stops it (the stub's
    /routes); `records(activity)` gives the aux field of a record of the trace."""

    def __init__(self, scenario, rows, costs, records=None):
        self.scenario, self.costs, self.records = scenario, costs, records
        self.begin, self.end = scenario["before"], scenario["before"] + scenario["attack"]
        self.requests = [r for r in rows if r.route != ACTIVITY]
        self.ends = [r for r in rows if r.route == ACTIVITY]
        self.attack = [r for r in self.requests if r.label == trace.ATTACK]
        self.legit = [r for r in self.requests if r.label == trace.LEGIT]

    def prelude(self, row):
        """A bot's request for its CSRF token, which is not what the attack is about."""
        kinds = self.scenario["attacks"]
        kind = kinds[row.group - 1]["kind"] if 0 < row.group <= len(kinds) else ""
        return row.route == CONTEXT and kind in ("guess", "mail", "forged_work") and row.verdict in (ADMITTED, SERVED)

    def during(self, rows):
        return [r for r in rows if self.begin <= r.at / 1e6 < self.end]

    @staticmethod
    def refused(row):
        """Of a person: the front refused, dropped, or let it hang. The back end's own 503 is apart."""
        return row.verdict in (REFUSED, DROPPED, TIMED_OUT)

    def stopped(self):
        """The part of the attack that the back end never saw, by requests and by its core-seconds. Tokens that were
        fetched for it are no part of it; a token that was refused is an attack that was stopped."""
        sent = [r for r in self.attack if r.verdict != UNSENT and not self.prelude(r)]
        # A request that hung until its sender gave up was not stopped by anybody.
        through = [r for r in sent if r.verdict in (ADMITTED, TIMED_OUT)]
        offered, admitted = (sum(_cost(r, self.costs, self.records) for r in rows) for rows in (sent, through))
        return percent(len(sent) - len(through), len(sent)), percent(offered - admitted, offered)

    def figures(self):
        out = collections.OrderedDict()
        by_request, by_cost = self.stopped()
        out["attack_stopped"] = (by_request, "%")
        out["attack_stopped_cost"] = (by_cost, "%")
        groups = {"legit": self.legit, "nat": [r for r in self.legit if r.place == people.OFFICE],
                  "cgnat": [r for r in self.legit if r.place == people.CGNAT], "login": [r for r in self.legit if r.route == LOGIN],
                  "verify": [r for r in self.legit if r.place == people.SITE]}
        for name, rows in groups.items():
            out[f"{name}_refused"] = (percent(sum(map(self.refused, rows)), len(rows)), "%")
            if name != "verify":
                out[f"{name}_challenged"] = (percent(sum(r.verdict == CHALLENGED for r in rows), len(rows)), "%")
        out["legit_busy"] = (percent(sum(r.outcome == BUSY for r in self.legit), len(self.legit)), "%")
        out.update(self._people())
        for name, rows in (("before", [r for r in self.legit if r.at / 1e6 < self.begin]), ("during", self.during(self.legit))):
            quick = [r.latency / 1000 for r in rows if r.verdict in (ADMITTED, SERVED) and not r.cost > 10000]
            out[f"p50_{name}"], out[f"p99_{name}"] = (quantile(quick, 0.5), "ms"), (quantile(quick, 0.99), "ms")
            logins = [r.latency / 1000 for r in rows if r.route == LOGIN and r.verdict == ADMITTED]
            out[f"login_p99_{name}"] = (quantile(logins, 0.99), "ms")
        out["ttm"], out["ttr"] = (self.mitigated_after(), "s"), (self.recovered_after(), "s")
        out.update(self._damage())
        return out

    def _people(self):
        logins = [r for r in self.ends if r.label == trace.LEGIT and r.latency in LOGINS]  # latency: the behaviour
        stopped = [r for r in logins if r.flags & STOPPED]
        out = {"logins_challenged": (percent(sum(bool(r.flags & WAS_CHALLENGED) for r in logins), len(logins)), "%"),
               "logins_stopped": (percent(len(stopped), len(logins)), "%"),
               "signed_in_after_stop": (percent(sum(r.verdict == SIGNED_IN for r in stopped), len(stopped)), "%"),
               "logins_failed": (percent(sum(r.verdict != SIGNED_IN for r in logins), len(logins)), "%")}
        tries = [r for r in self.legit if r.place == people.VICTIM and r.route == LOGIN]
        if tries:
            every = self.scenario["victim"]["every"]
            out["victim_lock"] = (sum(r.verdict != ADMITTED for r in tries) * every / 60, "min")
        return out

    def _damage(self):
        sent = collections.defaultdict(list)
        for r in self.requests:
            if OUTCOMES.get(r.outcome) == "mail_sent" and r.label == trace.ATTACK:
                sent[r.account].append(r.at / 1e6)
        worst = 0
        for times in sent.values():
            times.sort()
            worst = max(worst, max(sum(1 for u in times if t <= u < t + 600) for t in times))
        seconds = max(1e-9, self.end - self.begin)
        through = [(r, _cost(r, self.costs, self.records)) for r in self.attack if r.verdict in (ADMITTED, TIMED_OUT)]
        hashes = sum(cost for r, cost in through if cost > 10000) / 1e6 / seconds
        verify = sum(cost for r, cost in through if r.route == VERIFY) / 1e6 / seconds
        return {"takeovers": (sum(OUTCOMES.get(r.outcome) == "auth_ok" for r in self.attack), "accounts"),
                "takeovers_unprotected": (len({r.activity for r in self.attack if r.flags & RIGHT and r.route == LOGIN}), "accounts"),
                "mails_per_victim_max": (worst, "mails"), "attack_hash_cores": (hashes, "cores"), "attack_verify_cores": (verify, "cores"),
                "attack_requests": (len(self.attack), "requests"), "legit_requests": (len(self.legit), "requests"),
                "unsent": (sum(r.verdict == UNSENT for r in self.requests), "requests")}

    def slots(self, width=5):
        """Per slot: people's requests, refused, challenged; attack's requests, admitted."""
        out = collections.defaultdict(lambda: [0, 0, 0, 0, 0])
        first = self.begin % width  # one slot begins with the attack
        for r in self.legit:
            s = out[int((r.at / 1e6 - first) // width)]
            s[0] += 1
            s[1] += self.refused(r)
            s[2] += r.verdict == CHALLENGED
        for r in self.attack:
            if r.verdict != UNSENT and not self.prelude(r):
                s = out[int((r.at / 1e6 - first) // width)]
                s[3] += 1
                s[4] += r.verdict in (ADMITTED, TIMED_OUT)
        return [[k * width + first] + out[k] for k in sorted(out)]

    def mitigated_after(self, width=5):
        """Seconds until the first slot after which less than a tenth of the attack gets through; None: never."""
        slots = [s for s in self.slots(width) if s[4] > 0 and self.begin <= s[0] < self.end]
        answer = None
        for s in reversed(slots):
            if s[5] >= 0.1 * s[4]:
                break
            answer = s[0] - self.begin
        return answer

    def recovered_after(self, width=5):
        """Seconds after the attack until fewer than 1 in 1000 people's requests are refused; None: not in this run."""
        slots = [s for s in self.slots(width) if s[0] >= self.end and s[1] > 0]
        answer = None
        for s in reversed(slots):
            if s[2] >= 0.001 * s[1] and s[2] > 0:
                break
            answer = s[0] - self.end
        return answer

    def by_route(self):
        """Per side and route: requests, refused, challenged, dropped or timed out, admitted."""
        out = {}
        for side, rows in (("legit", self.legit), ("attack", self.attack)):
            for r in rows:
                name = f"{side} {trace.ROUTES[r.route]}"
                one = out.setdefault(name, [0, 0, 0, 0, 0])
                one[0] += 1
                one[1] += r.verdict == REFUSED
                one[2] += r.verdict == CHALLENGED
                one[3] += r.verdict in (DROPPED, TIMED_OUT)
                one[4] += r.verdict == ADMITTED
        return out

    def by_attack(self):
        """Per entry of the scenario's attacks: kind, tier as given, requests, let through, unsent."""
        out = []
        for index, attack in enumerate(self.scenario["attacks"]):
            rows = [r for r in self.attack if r.group == index + 1 and not self.prelude(r)]
            out.append([attack["kind"], attack["tier"], len(rows), sum(r.verdict in (ADMITTED, TIMED_OUT) for r in rows), sum(r.verdict == UNSENT for r in rows)])
        return out

    def by_rule(self, explained):
        """`explained`: decision id to the rule that decided. Per side: how many each rule stopped."""
        out = {}
        for side, rows in (("legit", self.legit), ("attack", self.attack)):
            for r in rows:
                if r.verdict in (REFUSED, CHALLENGED, DROPPED):
                    kind = "challenged" if r.verdict == CHALLENGED else "refused"
                    name = f"{side} {kind} by {explained.get(r.decision, 'a rule that is not told')} ({trace.ROUTES[r.route]})"
                    out[name] = out.get(name, 0) + 1
        return dict(sorted(out.items(), key=lambda item: -item[1])[:60])
