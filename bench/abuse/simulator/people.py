"""Addresses, users and sites: who is where (anti-abuse.md 7.1). Everything comes from the seed."""
import bisect, hashlib, itertools, random

HOME, OFFICE, CGNAT, SITE, BOT, BOT_AT_HOME, VICTIM = range(7)
PLACES = ["home", "office", "cgnat", "site", "bot", "bot among people", "victim"]


def stream(seed, name):
    """A generator of its own for each purpose: what is added elsewhere changes nothing here."""
    return random.Random(f"{seed}/{name}")


class Addresses:
    """A seeded permutation of 127.0.0.0/8, handed out in order; none is handed out twice."""

    def __init__(self, seed):
        self.keys = [int.from_bytes(hashlib.sha256(f"{seed}/address/{i}".encode()).digest()[:8], "big") for i in range(4)]
        self.next_one, self.next_net = 0, 0
        self.taken_nets = set()

    def permute(self, value, bits):
        half = bits // 2
        mask = (1 << half) - 1
        left, right = value >> half, value & mask
        for key in self.keys:
            mixed = ((right * 0x9E3779B1 + key) ^ ((right + key) >> 7)) * 0x85EBCA6B
            left, right = right, left ^ ((mixed >> 13) & mask)
        return (left << half) | right

    def one(self):
        while True:
            value = self.permute(self.next_one, 24)
            self.next_one += 1
            if value & 255 not in (0, 255) and value >> 8 and (value >> 8) not in self.taken_nets:
                return 0x7F000000 | value

    def net(self, size):
        """`size` (at most 254) addresses of one /24 that nobody else gets from now on."""
        while True:
            value = self.permute(self.next_net, 16)
            self.next_net += 1
            if value and value not in self.taken_nets:
                self.taken_nets.add(value)
                return [0x7F000000 | value << 8 | host for host in range(1, size + 1)]


class Zipf:
    def __init__(self, count, exponent):
        self.sums = list(itertools.accumulate(1 / (k + 1) ** exponent for k in range(count)))

    def draw(self, rng):
        return bisect.bisect_left(self.sums, rng.random() * self.sums[-1])


class People:
    """Users with their addresses, and the servers of the sites that they use."""

    def __init__(self, seed, legit, addresses):
        rng = stream(seed, "people")
        self.users = []  # (address, place)
        total = legit["users"]
        self._fill(total * legit["home"], HOME, addresses, lambda: rng.randint(1, 3))
        self._fill(total * (legit["home"] + legit["office"]), OFFICE, addresses,
                   lambda: int(min(2000, 20 * rng.paretovariate(1.2))))
        low, high = legit["cgnat_users"]
        self._fill(total, CGNAT, addresses, lambda: rng.randint(low, high))
        self.sites = [addresses.one() for _ in range(legit["sites"])]
        self.popularity = Zipf(legit["sites"], legit["zipf"])

    def _fill(self, up_to, place, addresses, size):
        while len(self.users) < int(up_to):
            at = addresses.one()
            self.users += [(at, place)] * min(size(), int(up_to) - len(self.users))
