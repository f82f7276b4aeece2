#!/bin/bash
# tests/sdk/abi.sh [--record]: compares the published part of the binary interface (sdk/include/persona/abi
# without ext/draft) with what sdk/abi-baseline has of it, on x86-64. What was added is fine, and has to be
# recorded; what changed or went would break plugins that are out there. --record writes the baseline anew.
set -euo pipefail
cd "$(dirname "$0")/../.."
baseline=sdk/abi-baseline
[[ $(uname -m) == x86_64 ]] || { echo "SKIPPED: the baseline is that of x86-64"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# surface INCLUDE OUT: OUT.so has a function for each published type, OUT.constants every constant.
surface() {
    local include=$1 out=$2 header
    mapfile -t headers < <(cd "$include" && find persona/abi -name '*.h' -not -path '*/draft/*' | sort)
    {
        for header in "${headers[@]}"; do echo "#include <$header>"; done
        (cd "$include" && sed -n 's/^} \(psn_[a-z_]*\);.*/void surface_\1(const \1* p) { (void)p; }/p' "${headers[@]}")
    } >"$out.c"
    gcc -std=c11 -g -fPIC -shared -I "$include" "$out.c" -o "$out.so"
    gcc -std=c11 -E -dM -I "$include" "$out.c" | grep '^#define PSN_' | grep -v PSN_ABI_MINOR | tr -s ' ' | sort >"$out.constants"
}

# judge SURFACE: what plugins would trip over, on standard output; fails when there is any.
judge() {
    local wrong=0 name
    abidiff --no-added-syms "$baseline/abi.xml" "$1.so" || wrong=1
    if comm -23 "$baseline/constants" "$1.constants" | grep .; then
        echo "the constants above are gone, or have another value"
        wrong=1
    fi
    return "$wrong"
}

surface sdk/include "$work/now"
if [[ ${1:-} == --record ]]; then
    mkdir -p "$baseline"
    abidw --no-corpus-path --no-show-locs --no-comp-dir-path --no-elf-needed --drop-undefined-syms \
        "$work/now.so" --out-file "$baseline/abi.xml"
    cp "$work/now.constants" "$baseline/constants"
    exit 0
fi

if ! judge "$work/now"; then
    cat >&2 <<'REMEDY'
The binary interface is not what released plugins were built against. Put the published struct, function or
constant back as it was, and offer what is new as a new table under a new id ("psn.log/2"), or under ext/draft
while it may still change; see sdk/doc/abi-policy.md.
REMEDY
    exit 1
fi
# Every published type and constant is watched.
symbols() { grep -o 'surface_psn_[a-z_]*' "$1" | sort -u; }
if ! diff <(symbols "$baseline/abi.xml") <(symbols "$work/now.c") || ! diff "$baseline/constants" "$work/now.constants"; then
    echo "What is new has to be recorded: tests/sdk/abi.sh --record, and a line in persona/abi/version.h" >&2
    exit 1
fi

# What it is there for is noticed.
changed() { # file, sed's expression
    rm -rf "$work/include"
    cp -r sdk/include "$work/include"
    sed -i "$2" "$work/include/persona/abi/$1"
    if cmp -s "sdk/include/persona/abi/$1" "$work/include/persona/abi/$1"; then
        echo "the expression '$2' fits nothing in $1" >&2
        exit 1
    fi
    surface "$work/include" "$work/changed"
    if judge "$work/changed" >"$work/report"; then
        echo "'$2' in $1 was not noticed" >&2
        exit 1
    fi
}
changed stream.h 's/^    psn_rc (\*resume_read)(psn_stream\*);$//'
changed ext/log.h 's/^    uint32_t reserved;$/&\n    uint64_t more;/'
changed ext/timer.h 's/^typedef void (\*psn_timer_fn)(void\* user);/typedef void (*psn_timer_fn)(void* user, int how);/'
changed http_filter.h 's/^#define PSN_FILTER_PAUSE 1u/#define PSN_FILTER_PAUSE 7u/'
changed ext/clock.h 's|"psn.clock/1"|"psn.clock/2"|'
