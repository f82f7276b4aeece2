#!/bin/bash
# installed.sh BUILD: installs the SDK from BUILD into a temporary folder and works with that alone: every
# template becomes a project, every example is built and tested, and all examples serve in one process.
set -euo pipefail
build=$1
work=$(mktemp -d)
host=
finish() {
    [[ -z $host ]] || kill -KILL "$host" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
guides=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=../docs/blocks.sh
source "$guides/tests/docs/blocks.sh"
# Says what a command said when it fails.
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }; }

cmake --install "$build" --component sdk --prefix "$work/sdk" >/dev/null
tool=$work/sdk/bin/persona-plugin
for kind in "$work"/sdk/share/persona-sdk/template/*/; do
    kind=$(basename "$kind")
    "$tool" new "my-$kind" --kind "$kind" --dir "$work/$kind" >/dev/null
    if grep -rn '@NAME@\|@CLASS@\|@SDK@' "$work/$kind"; then
        echo "the template $kind was not filled in" >&2
        exit 1
    fi
    quietly cmake -S "$work/$kind" -B "$work/$kind/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_PREFIX_PATH="$work/sdk"
    quietly cmake --build "$work/$kind/build"
    ctest --test-dir "$work/$kind/build" --output-on-failure --no-tests=error
    "$tool" inspect "$work/$kind/build/my-$kind.so" | grep -q "\"id\":\"my-$kind\""
done
# The examples, built outside of the installed tree, each with its tests and conformance.
examples=$work/sdk/share/persona-sdk/examples
made=$work/examples
for list in "$examples"/*/CMakeLists.txt; do
    name=$(basename "$(dirname "$list")")
    quietly cmake -S "$examples/$name" -B "$made/$name" -G Ninja -DCMAKE_PREFIX_PATH="$work/sdk"
    quietly cmake --build "$made/$name"
    ctest --test-dir "$made/$name" --output-on-failure --no-tests=error
done
mkdir "$made/heuristic-rust"
rustc --edition 2021 --crate-type cdylib -C panic=abort -C opt-level=2 -C link-arg=-Wl,-z,nodelete \
    "$examples/heuristic-rust/big_body.rs" -o "$made/heuristic-rust/big-body.so"
"$tool" check "$made/heuristic-rust/big-body.so"

# All of them in the real program.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed "s|@HERE@|$made|; s|@EXAMPLES@|$examples|; s|127.0.0.1:8080|127.0.0.1:$port|g; s|socket: var|socket: $work/var|
    s|, service: status-page|&, trusted_proxies: [127.0.0.1/32]|" "$examples/persona.yaml" >"$work/persona.yaml"
(cd "$work" && exec "$build/bin/persona-host" run persona.yaml) >"$work/host.log" 2>&1 &
host=$!
until grep -q 'ready: process' "$work/host.log"; do
    kill -0 "$host" 2>/dev/null || { cat "$work/host.log" >&2; exit 1; }
    sleep 0.1
done
answers() { # status, curl's arguments...
    local expected=$1 status
    shift
    status=$(curl -s -o "$work/answer" -w '%{http_code}' "$@")
    [[ $status == "$expected" ]] && return 0
    { echo "curl $*: status $status, expected $expected"; cat "$work/answer" "$work/host.log"; } >&2
    exit 1
}
url=http://127.0.0.1:$port/status
answers 200 -H 'X-Api-Key: another-example-key' "$url"
grep -qx 'itself: well' "$work/answer"
answers 401 "$url"
deep=$(printf '[%.0s' {1..9})
answers 400 -H 'Content-Type: application/json' -H 'X-Api-Key: another-example-key' -d "$deep" "$url"
grep -q 'nested too deeply' "$work/answer"
control=$work/var/run/examples.sock
# The way of a newcomer, as start.md has it, into this running program; packages_test.sh does it with the packages.
mkdir "$work/author"
for part in 1 2 3 4; do
    block "$guides/sdk/doc/start.md" sh $part
done | sed "s|/etc/persona/router.yaml|$work/persona.yaml|; s|/usr/local/lib/persona|$work/lib|; s|http://127.0.0.1:10002/|$url|" >"$work/start.sh"
(cd "$work/author" && CMAKE_PREFIX_PATH=$work/sdk PATH=$work/sdk/bin:$build/bin:$PATH bash -euo pipefail "$work/start.sh") >"$work/start.log" || {
    cat "$work/start.log" >&2
    exit 1
}
# Without its key the example refuses by 401; before it, the first version by 429, the second by 403.
[[ $(grep -xE '[0-9]{3}' "$work/start.log" | paste -sd ' ') == "401 401 401 429 403" ]] || { cat "$work/start.log" >&2; exit 1; }
"$build/bin/persona-host" ctl --socket "$control" modules | grep -q '^my-rule *0.2.0'
answers 200 -H 'X-Api-Key: another-example-key' "$url"
# A plugin as it was built with the SDK 1.0 takes the place of today's, while the program runs.
if [[ $(uname -m) == x86_64 ]]; then
    cp "$(dirname "$0")/../data/plugins/sdk-1.0/json-depth.so" "$work/json-depth.so"
    mv "$work/json-depth.so" "$made/http-filter-stream/json-depth.so"
    "$build/bin/persona-host" ctl --socket "$control" reload
    answers 400 -H 'Content-Type: application/json' -H 'X-Api-Key: another-example-key' -d "$deep" "$url"
    answers 200 -H 'X-Api-Key: another-example-key' "$url"
fi
[[ $("$build/bin/persona-host" ctl --socket "$control" status of itself) == well ]]
kill "$host" && wait "$host"
host=

# What the guides show. README.md: a whole plugin; testing.md: a use of the harness, with the includes
# before it; commands.md: a part of the example.
hello=$work/hello
mkdir "$hello"
block "$guides/README.md" cpp >"$hello/hello.cpp"
printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(hello LANGUAGES CXX)' 'find_package(PersonaSdk CONFIG REQUIRED)' \
    'enable_testing()' 'persona_add_plugin(hello SOURCES hello.cpp)' >"$hello/CMakeLists.txt"
quietly cmake -S "$hello" -B "$hello/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/sdk"
quietly cmake --build "$hello/build"
ctest --test-dir "$hello/build" --output-on-failure --no-tests=error
block "$guides/sdk/doc/testing.md" cpp >"$work/testing.txt"
{ grep '^#include' "$work/testing.txt"; echo 'int main() {'; grep -v '^#include' "$work/testing.txt"; echo '}'; } >"$work/testing.cpp"
g++ -std=c++17 -fsyntax-only -I "$work/sdk/include" "$work/testing.cpp"
squeezed() { tr -d ' \n' <"$1"; }
block "$guides/docs/operators/commands.md" cpp >"$work/command.txt"
[[ -s $work/command.txt && $(squeezed "$examples/http-service/status_page.cpp") == *"$(squeezed "$work/command.txt")"* ]] || {
    echo "the command that docs/operators/commands.md shows is not that of the example" >&2
    exit 1
}

# What is refused, with its reason.
for bad in Upper 1digit '' 'has space' ../up; do
    if "$tool" new "$bad" --dir "$work/bad" 2>"$work/why"; then
        echo "the name '$bad' was taken" >&2
        exit 1
    fi
    grep -q 'a plugin.s name' "$work/why"
done
if "$tool" new fine --kind nonsense --dir "$work/bad" 2>"$work/why"; then exit 1; fi
grep -q "no template 'nonsense'" "$work/why"
mkdir "$work/full" && touch "$work/full/x"
if "$tool" new fine --kind http-service --dir "$work/full" 2>"$work/why"; then exit 1; fi
grep -q 'not empty' "$work/why"
