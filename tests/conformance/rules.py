#!/usr/bin/env python3
"""Which vector and which test covers each numbered rule and attack of the protocol's sections 3 to 5.

Usage: rules.py TOP   fails when a rule has nothing, or names a vector or a test that is not there
"""
import json, os, re, sys

VERIFY = "tests/libs/protocol/verify_rules_test.cpp"
KEYS = "tests/libs/protocol/key_rules_test.cpp"
TOKENS = "tests/libs/protocol/token_rules_test.cpp"
FAULTS = "tests/plugins/verifier/faults_test.cpp"
API = "tests/plugins/verifier/verifier_test.cpp"
DISCOVERY = "tests/libs/discovery/discovery_test.cpp"
LIFETIME = "tests/libs/discovery/hop_cache_test.cpp"
CLIENT = "tests/host/net/client_test.cpp"

# Rule: vectors ("file:id or name"), and tests ((file, name)).
TABLE = {
    # 3 Verification
    "AUTH-1": ["bundles:P-B113", "bundles:P-B114", (VERIFY, "Auth1TheEndOfTheChainSpeaks")],
    "AUTH-2": ["bundles:P-B121", (VERIFY, "Auth2TheFallbackMayNotSpeakForAPrimary")],
    "AUTH-3": ["bundles:P-B122", "bundles:P-B123", (VERIFY, "Auth3ADisabledDomainIsTheFallbacks")],
    "AUTH-4": ["bundles:P-B124", (VERIFY, "Auth4ADelegatingDomainDoesNotIssue")],
    "AUTH-5": [(VERIFY, "Auth5OurKeySignsInNobodyElsesName")],
    "AUTH-6": ["bundles:P-B159", "bundles:P-B160", (VERIFY, "Auth6WithinTheGraceNobodySpeaks")],
    "FORCE-1": ["bundles:P-B145", "bundles:P-B147", (VERIFY, "Force1ForcedIssuersAreConfiguredAndAskedFor")],
    "FORCE-2": ["bundles:P-B148", (VERIFY, "Force2AnotherForcedNameChangesNothing")],
    "FORCE-3": [(VERIFY, "Force3OurOwnNameMayBeForced")],
    "FORCE-4": ["bundles:P-B149", (VERIFY, "Force4ATrustedIssuerSpeaksForAnybodyButInOrder")],
    "UNV-1": ["bundles:P-B141", "bundles:P-B142", (VERIFY, "Unv1UnverifiedOnlyForWhoAsks")],
    "UNV-2": ["bundles:P-B144", (VERIFY, "Unv2BothIsAFailure")],
    "UNV-3": [(VERIFY, "Unv3AuthorityAppliesToUnverifiedToo")],
    "AUD-1": ["bundles:P-B150", (VERIFY, "Aud1To3TheAudience")],
    "AUD-2": ["bundles:P-B154", (VERIFY, "Aud1To3TheAudience")],
    "AUD-3": ["bundles:P-B156", (VERIFY, "Aud1To3TheAudience")],
    "EMAIL-1": ["bundles:P-B131", (VERIFY, "Email1To4AddressesInAsciiAndOnce")],
    "EMAIL-2": ["bundles:P-B133", (VERIFY, "Email1To4AddressesInAsciiAndOnce")],
    "EMAIL-3": ["bundles:P-B136", (VERIFY, "Email1To4AddressesInAsciiAndOnce")],
    "EMAIL-4": ["bundles:P-B021", (VERIFY, "Email1To4AddressesInAsciiAndOnce")],
    "EMAIL-5": ["bundles:P-B140", (VERIFY, "Email5EmailAndSubMayNotDiffer")],
    # 4 Discovery
    "ISS-1": ["bundles:P-B118", "bundles:P-B119", "bundles:P-B120", (VERIFY, "Iss1Iss2NamesOfIssuers")],
    "ISS-2": ["bundles:P-B117", (VERIFY, "Iss1Iss2NamesOfIssuers")],
    "WK-1": ["bundles:P-B115", (DISCOVERY, "AsksForThePrincipalAtEveryHop")],
    "WK-2": ["bundles:P-B129", (FAULTS, "Certificates"), (FAULTS, "RedirectsAreNotFollowed")],
    "WK-3": [(FAULTS, "AnswersThatAreNoSupportDocument")],
    "WK-4": ["bundles:P-B125", "bundles:P-B127", (DISCOVERY, "DelegationHasAnEnd"), (FAULTS, "Delegation")],
    "WK-5": ["wellknown:auth-suffix-trick", (VERIFY, "Wk5PathsCannotBecomeHosts")],
    "WK-6": ["wellknown:keys-only", (VERIFY, "Wk6Wk7Wk8Wk9Documents")],
    "WK-7": ["wellknown:keys-all-bad", (VERIFY, "Wk6Wk7Wk8Wk9Documents")],
    "WK-8": ["wellknown:disabled-string", (VERIFY, "Wk6Wk7Wk8Wk9Documents")],
    "WK-9": ["wellknown:array", (VERIFY, "Wk6Wk7Wk8Wk9Documents")],
    # 5 Attacks
    "A1": ["bundles:P-B056", "bundles:P-B057", "bundles:P-B058", (TOKENS, "Sig3Sig4Dsa")],
    "A2": ["bundles:P-B048", "bundles:P-B049", (TOKENS, "Sig1Sig2Rsa")],
    "A3": ["bundles:P-B050", "bundles:P-B055", "bundles:P-B063", "bundles:P-B082", (API, "BadBodies")],
    "A4": ["bundles:P-B065", "bundles:P-B070", "bundles:P-B075", (KEYS, "Key4GroupAndSubgroup")],
    "A5": ["bundles:P-B105", "bundles:P-B108", (TOKENS, "Time1Time3Time4")],
    "A6": ["bundles:P-B094", "bundles:P-B095", (TOKENS, "Json2Duplicates")],
    "A7": ["bundles:P-B066", (KEYS, "Key1NumbersAreTexts")],
    "A8": ["bundles:P-B030", "bundles:P-B078", (TOKENS, "HeaderIsComparedNeverBelieved")],
    "A9": ["bundles:P-B088", "bundles:P-B090", (TOKENS, "OneSpellingForEachValue")],
    "A10": ["bundles:P-B121", (VERIFY, "Auth2TheFallbackMayNotSpeakForAPrimary")],
    "A11": ["bundles:P-B134", "bundles:P-B135", (VERIFY, "Email1To4AddressesInAsciiAndOnce")],
    "A12": ["bundles:P-B136", (VERIFY, "Email1To4AddressesInAsciiAndOnce")],
    "A13": ["bundles:P-B118", (VERIFY, "Iss1Iss2NamesOfIssuers"), (FAULTS, "AddressesThatAreNotPublic"),
            (CLIENT, "AnAddressThatIsNotPublicIsRefusedBeforeAnyConnection")],
    "A14": [(CLIENT, "CertificatesThatAreNotTheServersOwn"), (FAULTS, "Certificates")],
    "A15": ["wellknown:auth-suffix-trick", (VERIFY, "Wk5PathsCannotBecomeHosts")],
    "A16": [(FAULTS, "SlowAndSilent"), (FAULTS, "HugeIsCutOff"), (FAULTS, "OthersAreUnhurtMeanwhile"),
            (DISCOVERY, "TheChainAsAWholeHasADeadline"), (LIFETIME, "TheLeastUsedGoesFirst")],
    "A17": ["bundles:P-B122", (VERIFY, "Auth3ADisabledDomainIsTheFallbacks")],
    "A18": ["bundles:P-B156", (VERIFY, "Aud1To3TheAudience")],
    # A19 is the front end's: it compares address and key before it stores a certificate.
    "A20": [(VERIFY, "Auth5OurKeySignsInNobodyElsesName")],
    "A21": ["bundles:P-B096", (TOKENS, "Json3Depth"), (API, "BadBodies")],
}
ELSEWHERE = {"A19"}
WANTED = ([f"AUTH-{n}" for n in range(1, 7)] + [f"FORCE-{n}" for n in range(1, 5)] + [f"UNV-{n}" for n in range(1, 4)] +
          [f"AUD-{n}" for n in range(1, 4)] + [f"EMAIL-{n}" for n in range(1, 6)] + [f"ISS-{n}" for n in range(1, 3)] +
          [f"WK-{n}" for n in range(1, 10)] + [f"A{n}" for n in range(1, 22)])


def main():
    top = sys.argv[1]
    problems = [f"{rule}: nothing covers it" for rule in WANTED if not TABLE.get(rule) and rule not in ELSEWHERE]
    problems += [f"{rule}: no such rule" for rule in TABLE if rule not in WANTED]
    vectors, sources = {}, {}
    for rule, evidence in TABLE.items():
        if not any(isinstance(e, tuple) for e in evidence):
            problems.append(f"{rule}: no test of its own")
        for e in evidence:
            if isinstance(e, tuple):
                path, name = e
                if path not in sources:
                    with open(os.path.join(top, path), encoding="utf-8") as source:
                        sources[path] = source.read()
                if not re.search(r"^TEST(_F)?\(\w+,\s*" + name + r"\)", sources[path], re.MULTILINE):
                    problems.append(f"{rule}: {path} has no test {name}")
            else:
                file, case = e.split(":")
                if file not in vectors:
                    with open(os.path.join(top, "tests/data/vectors", file + ".json"), encoding="utf-8") as data:
                        vectors[file] = {c.get(k) for c in json.load(data)["cases"] for k in ("id", "name")}
                if case not in vectors[file]:
                    problems.append(f"{rule}: {file}.json has no case {case}")
    print("\n".join(problems) if problems else f"{len(TABLE)} rules and attacks, each with a test of its own")
    return 1 if problems else 0


sys.exit(main())
