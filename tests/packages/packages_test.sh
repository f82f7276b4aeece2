#!/bin/bash
# packages_test.sh SOURCE BUILD: installs, runs, breaks, upgrades and removes the packages in a booted container.
set -euo pipefail
source=$1 build=$2
cd "$source"
# shellcheck source=container.sh
source tests/packages/container.sh
roles=(router browserid dbwriter keysigner verifier static)

if [[ $(id -u) -ne 0 ]]; then
    echo "SKIPPED: a container is booted by root alone"
    exit 77
fi
for tool in debootstrap systemd-nspawn dpkg-deb; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: scripts/packages test" >&2; exit 1; }
done

work=$(mktemp -d "$build/container.XXXXXX")
finish() {
    container_stop
    rm -rf "$work"
}
trap finish EXIT
step() { echo "== $*"; }
fail() {
    echo "FAILED: $*" >&2
    in_container journalctl -b --no-pager -n 120 -u 'persona-*' >&2 || true
    exit 1
}

step "packages, of two versions"
if [[ -n ${PERSONA_PACKAGES:-} ]]; then
    # Made before: two folders, old and new.
    cp -r "$PERSONA_PACKAGES/old" "$PERSONA_PACKAGES/new" "$work/"
else
    for version in new:0.1.1 old:0.1.0; do
        scripts/package "${version#*:}" >/dev/null
        cp -r "$build/packages" "$work/${version%:*}"
    done
fi
# All that they need from Debian goes into the kept tree, so that a run needs no network.
depends=$(for deb in "$work"/old/*.deb; do dpkg-deb -f "$deb" Depends | tr ',' '\n'; done |
    sed 's/|.*//; s/(.*//; s/ //g' | grep -v '^persona-' | sort -u)
# shellcheck disable=SC2086
container_root "$work/root" "$build/container-$(echo $depends | sha256sum | cut -c1-12).tar" \
    curl wrk logrotate ninja-build $depends
mkdir "$work/root/debs"
cp -r "$work/old" "$work/new" "$work/root/debs/"

step "install in a booted container"
container_boot "$work/root"
in_container sh -c 'dpkg -i /debs/old/*.deb' >"$work/dpkg" 2>&1 || { cat "$work/dpkg"; fail "dpkg -i"; }
wait_for() { # what, command...
    local what=$1 tries=0
    shift
    until in_container "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        ((tries < 300)) || fail "$what"
        sleep 0.2
    done
}
healthy() { wait_for "$1: no heartbeat of the whole service" curl -sf "http://127.0.0.1:10002/__heartbeat__?deep"; }
healthy "after the installation"
for role in "${roles[@]}"; do wait_for "persona-$role is not active" systemctl is-active -q "persona-$role"; done

step "every example configuration passes check-config, every unit systemd-analyze"
for role in "${roles[@]}"; do
    in_container persona-host check-config "/etc/persona/$role.yaml" >/dev/null || fail "check-config $role"
done
in_container systemd-analyze verify $(printf 'persona-%s.service ' "${roles[@]}") 2>&1 | grep persona- && fail "systemd-analyze verify"
for role in "${roles[@]}"; do
    exposure=$(in_container systemd-analyze security --no-pager "persona-$role.service" | sed -n 's/.*Overall exposure level[^:]*: \([0-9.]*\).*/\1/p')
    echo "   persona-$role: exposure $exposure"
    awk -v e="$exposure" 'BEGIN { exit !(e != "" && e < 3.0) }' || fail "persona-$role is exposed: $exposure"
done

step "each role has its own user"
for role in "${roles[@]}"; do
    pid=$(in_container systemctl show -p MainPID --value "persona-$role.service")
    user=$(in_container stat -c %U "/proc/$pid")
    [[ $user == "persona-$role" ]] || fail "persona-$role runs as $user"
done

step "the domain's key is for keysigner's user alone; secrets for those who need them"
key=/var/lib/persona/keysigner/domain-key.pem
as() { local user=$1; shift; in_container setpriv --reuid "$user" --regid "$user" --init-groups "$@"; }
as persona-keysigner cat "$key" | grep -q 'PRIVATE KEY' || fail "keysigner cannot read its own key"
for user in persona-router persona-browserid persona-dbwriter persona-verifier persona-static nobody; do
    as "$user" cat "$key" >/dev/null 2>&1 && fail "$user can read the domain's key"
done
may() { # secret, users
    local secret=$1 user
    shift
    for user in router browserid dbwriter keysigner verifier static; do
        if [[ " $* " == *" $user "* ]]; then
            as "persona-$user" test -r "/etc/persona/secrets/$secret" || fail "persona-$user cannot read $secret"
        else
            as "persona-$user" test -r "/etc/persona/secrets/$secret" && fail "persona-$user can read $secret"
        fi
    done
    return 0
}
may roles browserid dbwriter keysigner
may class browserid dbwriter router
may cookie browserid dbwriter
may passwords browserid dbwriter
as persona-router test -r /var/lib/persona/accounts/persona.db && fail "router can read the accounts"
as persona-static test -w /run/persona/keysigner.sock && fail "static can connect to keysigner"

step "abuse is fought as it is installed"
control=/run/persona-router/control.sock
in_container persona-host ctl --socket "$control" aa list >"$work/heuristics" || fail "ctl aa list"
for rule in login stuffing surge mail rate; do
    grep -Eq "^$rule +enforce " "$work/heuristics" || fail "$rule does not act: $(cat "$work/heuristics")"
done
# From here on this machine puts load on the service.
in_container sed -i 's|^          explain:|          trusted: [127.0.0.0/8]\n&|' /etc/persona/router.yaml
in_container systemctl reload persona-router || fail "reload with a trusted network"

step "kill -9 of each role: it comes back"
for role in "${roles[@]}"; do
    before=$(in_container systemctl show -p MainPID --value "persona-$role.service")
    in_container kill -9 "$before"
    wait_for "persona-$role did not come back" sh -c \
        "pid=\$(systemctl show -p MainPID --value persona-$role); [ \$pid != 0 ] && [ \$pid != $before ] && systemctl is-active -q persona-$role"
    healthy "after kill -9 of $role"
done

# wrk in the container, until stop_load; every answer counts.
start_load() {
    in_container sh -c 'wrk -t1 -c8 -d300s --timeout 30s http://127.0.0.1:10002/wsapi/session_context' >"$work/wrk" 2>&1 &
    load=$!
    wait_for "no load" pgrep -x wrk
}
stop_load() {
    in_container pkill -INT -x wrk || fail "the load ended early: $(cat "$work/wrk")"
    wait "$load" || true
    grep -E 'requests in' "$work/wrk" || fail "no report of the load: $(cat "$work/wrk")"
    grep -E 'Socket errors|Non-2xx' "$work/wrk" && fail "$1 lost requests"
    return 0
}

step "reload, replace and restart lose no request"
start_load
for role in "${roles[@]}"; do in_container systemctl reload "persona-$role" || [[ $role == keysigner ]] || fail "reload $role"; done
for role in router browserid dbwriter verifier static; do
    in_container persona-host ctl --socket "/run/persona-$role/control.sock" replace || fail "replace $role"
done
in_container systemctl restart persona-keysigner persona-router || fail "restart"
stop_load "reload, replace, restart"

step "an upgrade loses no request"
start_load
in_container sh -c 'dpkg -i /debs/new/*.deb' >"$work/dpkg" 2>&1 || { cat "$work/dpkg"; fail "upgrade"; }
stop_load "the upgrade"
healthy "after the upgrade"
for role in "${roles[@]}"; do
    pid=$(in_container systemctl show -p MainPID --value "persona-$role.service")
    in_container sh -c "readlink /proc/$pid/exe | grep -qv deleted" || fail "persona-$role still runs the old program"
    wait_for "an old process of $role goes on" sh -c "[ \$(pgrep -u persona-$role -x persona-host | wc -l) = 1 ]"
done

step "log rotation"
in_container logrotate -f /etc/logrotate.d/persona-router || fail "logrotate"
in_container sh -c 'ls /var/log/persona/router/access.log.1' >/dev/null || fail "nothing was rotated"

step "remove keeps data, purge leaves nothing"
in_container sh -c "dpkg -r $(dpkg-deb -f "$work"/new/persona-sdk*.deb Package) persona-antiabuse $(printf 'persona-%s ' "${roles[@]}") persona-web persona-host" >"$work/dpkg" 2>&1 || { cat "$work/dpkg"; fail "remove"; }
in_container pgrep -x persona-host && fail "a process is left after removal"
in_container test -s "$key" || fail "removing took the key"
in_container sh -c "dpkg -P persona-sdk persona-antiabuse $(printf 'persona-%s ' "${roles[@]}") persona-web persona-host" >"$work/dpkg" 2>&1 || { cat "$work/dpkg"; fail "purge"; }
left=$(in_container sh -c 'ls -d /etc/persona /var/lib/persona /var/log/persona /usr/lib/persona /run/persona-* /etc/systemd/system/*/persona-* 2>/dev/null; getent passwd | grep ^persona; getent group | grep ^persona; dpkg -l | grep persona-' || true)
[[ -z $left ]] || fail "purge left: $left"
echo "all passed"
