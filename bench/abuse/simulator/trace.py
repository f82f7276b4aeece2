"""Compiles a scenario and a seed into a trace: the same two always give the same octets."""
import os, struct
from . import people
from .people import Addresses, People, Zipf, stream

# bench/abuse/src/wire.h: Record.
RECORD = struct.Struct("<QIIIIIHBBBBHI")
KNOWN_DEVICE, RETURNING, SIGNED_IN, RIGHT_PASSWORD, PATIENT, FIRST_WRONG = 1, 2, 4, 8, 16, 32
LEGIT, ATTACK = 0, 1
STRANGERS = 0x40000000
FIRST_BOT, FIRST_SITE, VICTIM_ACTOR, OTHER_BROWSERS = 0x40000000, 0x30000000, 0x2F000000, 0x10000000

# world.h: Route, in order.
ROUTES = ["root", "include_js", "sign_in", "static", "session_context", "address_info", "have_email", "authenticate_user",
          "list_emails", "cert_key", "interaction_data", "stage_user", "user_creation_status", "complete_user_creation",
          "stage_reset", "password_reset_status", "complete_reset", "stage_email", "email_addition_status",
          "complete_email_confirmation", "update_password", "verify", "unknown_call", "unknown_path", "logout",
          "email_for_token", "stage_unblock", "complete_unblock", "discovery"]
BEHAVIOUR = {"signin": 1, "include_only": 2, "reauth": 3, "signup": 4, "reset": 5, "add_email": 6, "change_password": 7,
             "rp_verify": 8, "flood": 20, "guess": 21, "mail": 22, "enumerate": 23, "verify": 24, "head": 25, "body": 26,
             "read": 27, "bomb": 28, "cache_bust": 29, "forged_work": 30, "discover": 31}
DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")


def curve(legit):
    """Rate at second t over the mean rate."""
    kind = legit["curve"]
    if kind == "flat":
        return lambda t: 1.0
    path = os.path.join(DATA, f"worldcup98-{kind}.csv")
    with open(path) as f:
        counts = [int(line.split(",")[1]) for line in f.readlines()[1:]]
    if kind == "day":
        mean = sum(counts) / len(counts)
        shape = [c / mean for c in counts]
    else:  # from 1 to `peak`: the form of rise and fall is kept, its height is the scenario's
        rest, top = sorted(counts)[len(counts) // 10], sorted(counts)[-5]
        shape = [1 + (legit["peak"] - 1) * max(0.0, min(1.0, (c - rest) / (top - rest))) for c in counts]
    first, pace = legit["from_minute"], legit["minutes_a_second"]
    return lambda t: shape[int(first + t * pace) % len(shape)]


class Compiler:
    def __init__(self, scenario, seed, tier=None):
        self.scenario, self.seed, self.tier = scenario, seed, tier or scenario["tier"]
        self.events = []
        self.addresses = Addresses(seed)
        self.people = People(seed, scenario["legit"], self.addresses)
        self.bots = FIRST_BOT

    def add(self, at, actor, address, account, aux, seed, behaviour, label, place, flags=0, tier=0, group=0):
        self.events.append((int(at * 1e6), actor, address, account, aux, seed, BEHAVIOUR[behaviour], label, place, tier, flags, 0, group))

    def legit(self):
        s, legit, rng = self.scenario, self.scenario["legit"], stream(self.seed, "legit")
        total = s["before"] + s["attack"] + s["after"]
        rate_at = curve(legit)
        base = legit["users"] * legit["activities_a_day"] / 86400 * legit["flow"]
        kinds = ["signin", "include_only", "reauth", "signup", "reset", "add_email", "change_password"]
        weights = [legit[k] for k in kinds]
        top = base * max(rate_at(t) for t in range(int(total) + 1))
        t, newcomers = 0.0, 0
        while top > 0:
            t += rng.expovariate(top)
            if t >= total:
                break
            # Thinning: a Poisson process whose rate follows the curve.
            kept = rng.random() * top <= base * rate_at(t)
            kind = rng.choices(kinds, weights)[0]
            user, seed, site = rng.randrange(len(self.people.users)), rng.getrandbits(32), self.people.popularity.draw(rng)
            chances = [rng.random() for _ in range(5)]
            if not kept:
                continue
            address, place = self.people.users[user]
            flags = PATIENT if chances[0] < legit["patient"] else 0
            account = user
            if kind in ("signin", "reauth"):
                if kind == "reauth" or chances[1] < legit["known_device"]:
                    flags |= KNOWN_DEVICE | RETURNING
                flags |= FIRST_WRONG if chances[2] < legit["wrong_password"] else 0
            elif kind == "include_only":
                if chances[1] < legit["returning"]:
                    flags |= SIGNED_IN | KNOWN_DEVICE if chances[3] < 0.5 else RETURNING
            elif kind in ("add_email", "change_password"):
                flags |= SIGNED_IN | KNOWN_DEVICE
            elif kind == "signup":
                account = STRANGERS + 0x10000000 + newcomers
                newcomers += 1
            # Whoever brings no cookies sits at another browser than the one that has them.
            browser = user if flags & (KNOWN_DEVICE | RETURNING | SIGNED_IN) else user + OTHER_BROWSERS
            self.add(t, browser, address, account, site, seed, kind, LEGIT, place, flags)
            if kind in ("signin", "reauth", "signup"):
                later = t + 5 + 4 * chances[4]
                self.add(later, FIRST_SITE + site, self.people.sites[site], user, site, seed ^ 0x5A5A, "rp_verify", LEGIT, people.SITE, PATIENT)

    def victim(self):
        v = self.scenario["victim"]
        if not v:
            return
        rng, address = stream(self.seed, "victim"), self.addresses.one()
        total = self.scenario["before"] + self.scenario["attack"] + self.scenario["after"]
        for i in range(int(total / v["every"])):
            self.add(i * v["every"] + rng.random(), VICTIM_ACTOR, address, v["account"], 0, rng.getrandbits(32), "reauth", LEGIT,
                     people.VICTIM, KNOWN_DEVICE | RETURNING | PATIENT)

    def sources(self, attack, rng):
        count, out = attack["sources"], []
        if attack["cluster"] > 1:
            while len(out) < count:
                out += self.addresses.net(min(attack["cluster"], 254, count - len(out)))
            out = [(a, people.BOT) for a in out]
        else:
            # The people of a run are a sample of the population; a bot that sits among people sits among these as
            # often as its share of them says, and else at an address of people who are not in the sample.
            legit = self.scenario["legit"]
            among = attack["shared"] * min(1.0, legit["users"] / legit["population"])
            for _ in range(count):
                if self.people.users and rng.random() < among:
                    out.append((rng.choice(self.people.users)[0], people.BOT_AT_HOME))
                else:
                    out.append((self.addresses.one(), people.BOT))
        return out

    def times(self, attack, rng, begin, end):
        """When one source acts."""
        period = 1 / attack["rate"]
        if attack["timing"] == "once":
            for _ in range(max(1, int(attack["rate"]))):  # so many sockets of each source
                yield begin + rng.random() * min(5.0, end - begin)
            return
        t = begin + rng.random() * period
        while t < end:
            yield t
            if attack["timing"] == "poisson":
                t += rng.expovariate(1 / period)
            else:
                t += period * (0.8 + 0.4 * rng.random())

    def attack(self, index, attack):
        rng = stream(self.seed, f"attack/{index}")
        users = len(self.people.users)
        begin = self.scenario["before"] + attack["start"]
        end = begin + (attack["seconds"] if attack["seconds"] is not None else self.scenario["attack"] - attack["start"])
        tier = int((attack["tier"] or self.tier)[1])
        victims = [rng.randrange(users) for _ in range(attack["victims"])] if attack["kind"] == "mail" else []
        routes = attack["routes"] or {}
        for name in routes:
            if name not in ROUTES:
                raise ValueError(f"attacks[{index}].routes: there is no {name!r}")
        names, weights = list(routes), list(routes.values())
        for address, place in self.sources(attack, rng):
            actor = self.bots
            self.bots += 1
            for t in self.times(attack, rng, begin, end):
                if attack["fresh"]:  # another address and another jar for each request
                    actor, address = self.bots, self.addresses.one()
                    self.bots += 1
                kind, flags, aux, seed = attack["kind"], 0, 0, rng.getrandbits(32)
                if attack["accounts"] == "one":
                    account = attack["account"]
                elif attack["accounts"] == "strangers" or rng.random() < attack["strangers"]:
                    account = STRANGERS + rng.getrandbits(24)
                else:
                    account = rng.randrange(users)
                if kind == "guess":
                    aux = rng.randint(1, attack["passwords"]) if attack["passwords"] else 0
                    flags = RIGHT_PASSWORD if account < STRANGERS and rng.random() < attack["hit"] else 0
                elif kind in ("flood", "mail"):
                    aux = ROUTES.index(rng.choices(names, weights)[0])
                    account = rng.choice(victims) if victims else account
                elif attack["kinds"]:
                    choice = rng.choice(attack["kinds"])
                    kind, aux = (choice, 0) if kind == "slow" else (kind, choice)
                self.add(t, actor, address, account, aux, seed, kind, ATTACK, place, flags, tier, index + 1)

    def run(self):
        self.legit()
        self.victim()
        for index, attack in enumerate(self.scenario["attacks"]):
            self.attack(index, attack)
        self.events.sort()
        return b"".join(RECORD.pack(*e) for e in self.events)


def compile_trace(scenario, seed, tier=None):
    return Compiler(scenario, seed, tier).run()
