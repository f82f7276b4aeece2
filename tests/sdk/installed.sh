#!/bin/bash
# installed.sh BUILD: installs the SDK from BUILD into a temporary folder and works with that alone.
set -euo pipefail
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --component sdk --prefix "$work/sdk" >/dev/null
tool=$work/sdk/bin/persona-plugin
for kind in "$work"/sdk/share/persona-sdk/template/*/; do
    kind=$(basename "$kind")
    "$tool" new "my-$kind" --kind "$kind" --dir "$work/$kind" >/dev/null
    if grep -rn '@NAME@\|@CLASS@\|@SDK@' "$work/$kind"; then
        echo "the template $kind was not filled in" >&2
        exit 1
    fi
    cmake -S "$work/$kind" -B "$work/$kind/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_PREFIX_PATH="$work/sdk" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    cmake --build "$work/$kind/build" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    ctest --test-dir "$work/$kind/build" --output-on-failure --no-tests=error
    "$tool" inspect "$work/$kind/build/my-$kind.so" | grep -q "\"id\":\"my-$kind\""
done
# The interface without C++: a heuristic in plain C, and one in Rust.
examples=$work/sdk/share/persona-sdk/examples
cmake -S "$examples/heuristic-c" -B "$work/c" -G Ninja -DCMAKE_PREFIX_PATH="$work/sdk" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmake --build "$work/c" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
ctest --test-dir "$work/c" --output-on-failure --no-tests=error
rustc --edition 2021 --crate-type cdylib -C panic=abort -C opt-level=2 -C link-arg=-Wl,-z,nodelete \
    "$examples/heuristic-rust/big_body.rs" -o "$work/big-body.so"
"$tool" check "$work/big-body.so"

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
