"""Reads a scenario and fills in what it leaves out. Errors say which key of which file is wrong."""
import copy, os

DEFAULTS = {
    "title": "",
    # Seconds of wall time, at the true rates: shortened, never compressed. Before: long enough for a front that
    # learns what is usual.
    "before": 75, "attack": 60, "after": 20,
    "tier": "A1",
    "legit": {
        "users": 30000, "population": 200000, "home": 0.4, "office": 0.3, "cgnat_users": [500, 1500], "sites": 2000, "zipf": 1.0,
        "activities_a_day": 40, "flow": 1.0, "curve": "flat", "peak": 10, "from_minute": 0, "minutes_a_second": 1.0,
        "known_device": 0.8, "returning": 0.8, "wrong_password": 0.1, "patient": 0.7,
        "signin": 8 / 40, "include_only": 31 / 40, "reauth": 1 / 280, "signup": 1 / 224, "reset": 1 / 1120,
        "add_email": 1 / 560, "change_password": 1 / 2240,
    },
    "stub": {"api_cores": 1, "hash_cores": 1, "hash_us": 168000, "mail_interval_s": 60},
    "victim": None,  # {account, every}: signs in throughout, from a device of its own
    "attacks": [],
    "events": [],    # {at, do: pause|swap|kill_redis, every, ms}: done by the runner
}

ATTACK = {
    "kind": None, "sources": 100, "rate": 1.0, "start": 0, "seconds": None, "timing": None, "shared": 0.1, "cluster": 1,
    "accounts": "known", "account": 0, "strangers": 0.0, "passwords": 0, "hit": 0.0, "victims": 50, "tier": None,
    "routes": None, "kinds": None, "fresh": False,
}
KINDS = {
    "flood": {"timing": "periodic", "routes": {"session_context": 0.5, "address_info": 0.5}},
    "guess": {"timing": "poisson"},
    "mail": {"timing": "poisson", "routes": {"stage_reset": 0.6, "stage_user": 0.4}},
    "enumerate": {"timing": "periodic", "strangers": 0.7},
    "verify": {"timing": "periodic", "kinds": [0, 1, 2, 3, 4, 5]},
    "slow": {"timing": "once", "kinds": ["head", "body", "read"]},
    "bomb": {"timing": "periodic", "kinds": [0, 1, 2, 3, 4, 5, 6, 7]},
    "cache_bust": {"timing": "periodic"},
    "forged_work": {"timing": "periodic"},
    "discover": {"timing": "periodic", "kinds": [0, 1, 2, 3, 4, 5], "accounts": "strangers"},
}


class ScenarioError(Exception):
    pass


def merge(where, base, given):
    out = copy.deepcopy(base)
    for key, value in (given or {}).items():
        if key not in base:
            raise ScenarioError(f"{where}: unknown key {key!r}; expected one of {', '.join(sorted(base))}")
        if isinstance(base[key], dict) and key not in ("routes",):
            if not isinstance(value, dict):
                raise ScenarioError(f"{where}.{key}: expected a mapping")
            value = merge(f"{where}.{key}", base[key], value)
        elif isinstance(base[key], (int, float)) and not isinstance(base[key], bool) and not isinstance(value, (int, float)):
            raise ScenarioError(f"{where}.{key}: expected a number, got {value!r}")
        out[key] = value
    return out


def complete(name, given):
    """A scenario as a mapping with every key. Throws ScenarioError."""
    given = dict(given or {})
    out = merge(name, dict(DEFAULTS, name=name), given)
    for key in ("before", "attack", "after"):
        if out[key] < 0:
            raise ScenarioError(f"{name}.{key}: seconds cannot be negative")
    if out["tier"] not in ("A0", "A1", "A2"):
        raise ScenarioError(f"{name}.tier: expected A0, A1 or A2, got {out['tier']!r}")
    attacks = []
    for i, attack in enumerate(out["attacks"]):
        where = f"{name}.attacks[{i}]"
        kind = attack.get("kind") if isinstance(attack, dict) else None
        if kind not in KINDS:
            raise ScenarioError(f"{where}.kind: expected one of {', '.join(sorted(KINDS))}, got {kind!r}")
        one = merge(where, dict(ATTACK, **KINDS[kind]), attack)
        if one["rate"] <= 0 or one["sources"] < 1:
            raise ScenarioError(f"{where}: sources and rate have to be positive")
        attacks.append(one)
    out["attacks"] = attacks
    return out


def load(path):
    import yaml  # Debian: python3-yaml
    name = os.path.splitext(os.path.basename(path))[0]
    try:
        with open(path) as f:
            given = yaml.safe_load(f)
    except (OSError, yaml.YAMLError) as e:
        raise ScenarioError(f"{path}: {e}") from e
    if not isinstance(given, dict):
        raise ScenarioError(f"{path}: expected a mapping")
    return complete(name, given)


def length(scenario):
    return scenario["before"] + scenario["attack"] + scenario["after"]
