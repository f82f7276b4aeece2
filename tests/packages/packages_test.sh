#!/bin/bash
# packages_test.sh SOURCE BUILD: installs, runs, breaks, upgrades and removes the packages in a booted container, and
# goes an author's way there, as sdk/doc/start.md and docs/operators/install.md have it.
set -euo pipefail
source=$1 build=$2
cd "$source"
# shellcheck source=container.sh
source tests/packages/container.sh
# shellcheck source=../docs/blocks.sh
source tests/docs/blocks.sh
roles=(router browserid dbwriter keysigner verifier static)

if [[ $(id -u) -ne 0 ]]; then
    echo "SKIPPED: a container is booted by root alone"
    exit 77
fi
if ! awk '$5 == "/" { found = 1 } END { exit !found }' /proc/self/mountinfo; then
    echo "SKIPPED: the root of this chroot is no mount (mount --bind DIR DIR makes it one), so no container boots in it"
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
new=0.1.1
if [[ -n ${PERSONA_PACKAGES:-} ]]; then
    # Made before: two folders, old and new.
    cp -r "$PERSONA_PACKAGES/old" "$PERSONA_PACKAGES/new" "$work/"
else
    for version in new:$new old:0.1.0; do
        scripts/package "${version#*:}" >/dev/null
        cp -r "$build/packages" "$work/${version%:*}"
    done
fi
# All that they need from Debian goes into the kept tree, so that a run needs no network.
depends=$(for deb in "$work"/old/*.deb; do dpkg-deb -f "$deb" Depends | tr ',' '\n'; done |
    sed 's/|.*//; s/(.*//; s/ //g' | grep -v '^persona-' | sort -u)
# shellcheck disable=SC2086
container_root "$work/root" "$build/container-$(echo $depends | sha256sum | cut -c1-12).tar" \
    curl wrk logrotate $depends
install "$build/bin/persona-cli" tests/packages/load.lua "$work/root/root/"

step "install in a booted container, by the guide's command"
container_boot "$work/root"
install_packages() { # folder
    rm -rf "$work/root/build"
    mkdir "$work/root/build"
    cp -r "$work/$1" "$work/root/build/packages"
    in_container env -C / sh -euc "$(block docs/operators/install.md sh)" >"$work/apt" 2>&1 || { cat "$work/apt" >&2; fail "installing the packages: $1"; }
}
install_packages old
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
said=$(printf 'persona-%s.service\n' "${roles[@]}" | in_container xargs systemd-analyze verify 2>&1) || fail "systemd-analyze verify: $said"
[[ $said != *persona-* ]] || fail "systemd-analyze verify: $said"
for role in "${roles[@]}"; do
    exposure=$(in_container systemd-analyze security --no-pager "persona-$role.service" | sed -n 's/.*Overall exposure level[^:]*: \([0-9.]*\).*/\1/p')
    echo "   persona-$role: exposure $exposure"
    awk -v e="$exposure" 'BEGIN { exit !(e != "" && e < 3.0) }' || fail "persona-$role is exposed: $exposure"
done

main_pid() { in_container systemctl show -p MainPID --value "persona-$1.service"; }
step "each role has its own user, and no capability"
for role in "${roles[@]}"; do
    in_container awk -v uid="$(in_container id -u "persona-$role")" '
        /^Uid:/ { for (i = 2; i <= 5; ++i) if ($i != uid) exit 1; ++seen }
        /^Cap(Inh|Prm|Eff|Bnd|Amb):/ { if ($2 !~ /^0+$/) exit 1; ++seen }
        /^NoNewPrivs:/ { if ($2 != 1) exit 1; ++seen }
        END { if (seen != 7) exit 1 }' "/proc/$(main_pid "$role")/status" || fail "the rights of persona-$role's process"
done
users=$(in_container ps -C persona-host -o user:32= | sort -u | paste -sd ' ')
[[ $users == "$(printf 'persona-%s\n' "${roles[@]}" | sort | paste -sd ' ')" ]] || fail "there are processes of $users"

step "the domain's key is for keysigner's user alone; secrets for those who need them"
key=/var/lib/persona/keysigner/domain-key.pem
as() { # user, command...
    local user=$1
    shift
    in_container setpriv --reuid "$user" --regid "$(in_container id -g "$user")" --init-groups "$@"
}
as persona-keysigner cat "$key" | grep -q 'PRIVATE KEY' || fail "keysigner cannot read its own key"
signer=$(main_pid keysigner)
for user in persona-router persona-browserid persona-dbwriter persona-verifier persona-static nobody; do
    as "$user" true || fail "nothing can be shown about $user"
    for way in "$key" "/proc/$signer/root$key" "/proc/$signer/environ" "/proc/$signer/maps"; do
        in_container test -e "$way" || fail "$way is not there"
        as "$user" cat "$way" >/dev/null 2>&1 && fail "$user can read $way"
    done
done
copies=$(in_container grep -rlsa -e '^-----BEGIN .*PRIVATE KEY' /etc /run /tmp /var || true)
[[ $copies == "$key" ]] || fail "private keys: $copies"
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
for role in router keysigner verifier static; do
    as "persona-$role" test -r /var/lib/persona/accounts/persona.db && fail "$role can read the accounts"
done
reached_by() { # role, callers
    local role=$1 caller
    shift
    for caller in "${roles[@]}"; do
        if as "persona-$caller" curl -s -o /dev/null --unix-socket "/run/persona/$role.sock" http://role/__heartbeat__; then
            [[ " $* " == *" $caller "* ]] || fail "$caller can connect to $role"
        else
            [[ " $* " != *" $caller "* ]] || fail "$caller cannot connect to $role"
        fi
    done
}
reached_by keysigner keysigner browserid dbwriter
for role in browserid dbwriter verifier static; do reached_by "$role" "$role" router browserid; done

step "abuse is fought as it is installed"
control=/run/persona-router/control.sock
in_container persona-host ctl --socket "$control" aa list >"$work/heuristics" || fail "ctl aa list"
for rule in login stuffing surge mail rate; do
    grep -Eq "^$rule +enforce " "$work/heuristics" || fail "$rule does not act: $(cat "$work/heuristics")"
done
# From here on this machine puts load on the service.
in_container sed -i 's|^          explain:|          trusted: [127.0.0.0/8]\n&|' /etc/persona/router.yaml
in_container systemctl reload persona-router || fail "reload with a trusted network"

step "a person signs up, and in"
person() { # when, words of persona-cli
    local when=$1
    shift
    in_container /root/persona-cli --mail-dir=/var/lib/persona/dbwriter/mail "$@" >"$work/cli" 2>&1 || { cat "$work/cli" >&2; fail "$when: persona-cli $*"; }
}
# With the password of the last sign-up: the account is still there, keysigner certifies, the verifier agrees.
signs_in() { # when
    person "$1" sign-in
    person "$1" certify
    person "$1" assert http://127.0.0.1:10001
    person "$1" verify
}
person "at first" sign-up ann@mail.example
signs_in "at first"

step "kill -9 of each role: it comes back"
for role in "${roles[@]}"; do
    before=$(main_pid "$role")
    # What was acknowledged a moment ago must be there.
    person "before kill -9 of $role" sign-up "$role@mail.example"
    in_container kill -9 "$before"
    wait_for "persona-$role did not come back" sh -c \
        "pid=\$(systemctl show -p MainPID --value persona-$role); [ \$pid != 0 ] && [ \$pid != $before ] && systemctl is-active -q persona-$role"
    healthy "after kill -9 of $role"
    signs_in "after kill -9 of $role"
done

# Until stop_load: wrk asks every role behind the router, and a person has keys certified; every answer counts.
start_load() {
    local answer cookie token
    answer=$(in_container curl -si http://127.0.0.1:10002/wsapi/session_context | tr -d '\r')
    cookie=$(sed -n 's/^set-cookie: \([^;]*\).*/\1/Ip' <<<"$answer" | paste -sd ';')
    token=$(sed -n 's/.*"csrf_token":"\([^"]*\)".*/\1/p' <<<"$answer")
    in_container wrk -t1 -c8 -d600s --timeout 30s -s /root/load.lua http://127.0.0.1:10002 -- "$cookie" "$token" >"$work/wrk" 2>&1 &
    load=$!
    in_container sh -c 'rm -f /root/enough; until [ -e /root/enough ]; do /root/persona-cli certify && sleep 0.1 || exit 1; done' >"$work/certified" 2>&1 &
    certifier=$!
    wait_for "no load" pgrep -x wrk
    sleep 0.5
}
stop_load() { # what went on meanwhile
    local certificates requests
    sleep 1
    in_container touch /root/enough
    wait "$certifier" || fail "$1: a certificate was not given: $(cat "$work/certified")"
    in_container pkill -INT -x wrk || fail "the load ended early: $(cat "$work/wrk")"
    wait "$load" || true
    certificates=$(grep -c certified "$work/certified") || fail "$1: no certificate was given"
    requests=$(grep 'requests in' "$work/wrk") || fail "no report of the load: $(cat "$work/wrk")"
    echo "   $certificates certificates,$requests"
    grep -E 'Socket errors|Non-2xx' "$work/wrk" && fail "$1 lost requests"
    return 0
}

step "reload, replace and restart lose no request"
start_load
for role in "${roles[@]}"; do in_container systemctl reload "persona-$role" || fail "reload $role"; done
for role in router browserid dbwriter verifier static; do
    in_container persona-host ctl --socket "/run/persona-$role/control.sock" replace || fail "replace $role"
done
in_container systemctl restart persona-keysigner persona-router || fail "restart"
stop_load "reload, replace, restart"

step "an author's first plugin, with the packages alone, by the guide"
guide=$work/root/usr/share/persona-sdk/doc/start.md
in_container useradd -m author
commands=0 spent=0
newcomer() { # number of the block, user
    local text began
    text=$(block "$guide" sh "$1")
    commands=$((commands + $(grep -c . <<<"$text")))
    began=$(date +%s%N)
    as "$2" env -C /home/author HOME=/home/author bash -euo pipefail -c "$text" >"$work/said" 2>&1 || { cat "$work/said" >&2; fail "block $1 of the guide"; }
    spent=$((spent + $(date +%s%N) - began))
}
answered() { # statuses, who
    local statuses
    statuses=$(grep -xE '[0-9]{3}' "$work/said" | paste -sd ' ')
    [[ $statuses == "$1" ]] || { cat "$work/said" >&2; fail "$2 answered '$statuses', not '$1'"; }
}
ask_again() { in_container sh -c "$(block "$guide" sh 4 | tail -n1)" >"$work/said"; }
newcomer 1 author
start_load
newcomer 2 root
stop_load "a plugin's first version"
answered "200 200 200 429" "the first version"
newcomer 3 author
start_load
newcomer 4 root
stop_load "a plugin's second version"
answered 403 "the second version"
echo "   $commands commands, $((spent / 1000000000)) s"
grep -q "^$commands commands" "$guide" || fail "the guide does not say that it has $commands commands"
in_container persona-host ctl --socket "$control" revert >/dev/null
ask_again
answered 429 "the first version after revert"
in_container persona-host ctl --socket "$control" reload >/dev/null
ask_again
answered 403 "the second version after reload"

step "an upgrade loses no request, and keeps the author's plugin"
start_load
install_packages new
stop_load "the upgrade"
healthy "after the upgrade"
signs_in "after the upgrade"
ask_again
answered 403 "the author's plugin after the upgrade"
for role in "${roles[@]}"; do
    pid=$(main_pid "$role")
    in_container sh -c "readlink /proc/$pid/exe | grep -qv deleted" || fail "persona-$role still runs the old program"
    [[ $(in_container dpkg-query -W -f '${db:Status-Abbrev}${Version}' "persona-$role") == "ii $new" ]] || fail "persona-$role is not of version $new"
    wait_for "an old process of $role goes on" sh -c "[ \$(pgrep -u persona-$role -x persona-host | wc -l) = 1 ]"
done

step "a restart of the machine: every role starts"
container_stop
container_boot "$work/root"
for role in "${roles[@]}"; do wait_for "persona-$role is not active after a restart" systemctl is-active -q "persona-$role"; done
healthy "after a restart"
signs_in "after a restart"

step "log rotation"
in_container logrotate -f /etc/logrotate.d/persona-router || fail "logrotate"
in_container sh -c 'ls /var/log/persona/router/access.log.1' >/dev/null || fail "nothing was rotated"

step "remove keeps data, purge leaves nothing"
packages=$(for deb in "$work"/new/*.deb; do dpkg-deb -f "$deb" Package; done)
# shellcheck disable=SC2086
in_container apt-get -y remove $packages >"$work/apt" 2>&1 || { cat "$work/apt" >&2; fail "remove"; }
in_container pgrep -x persona-host && fail "a process is left after removal"
in_container test -s "$key" || fail "removing took the key"
in_container test -s /var/lib/persona/accounts/persona.db || fail "removing took the accounts"
# shellcheck disable=SC2086
in_container dpkg --purge $packages >"$work/apt" 2>&1 || { cat "$work/apt" >&2; fail "purge"; }
# All but what this test has put there itself, and what apt and the journal know of the past.
left=$(in_container sh -c "find / -xdev \( -path /build -o -path /root -o -path /home -o -path /usr/local -o -path /proc \) -prune -o -iname '*persona*' ! -name personality.h -print
    find /run -iname '*persona*'; getent passwd | grep ^persona; getent group | grep ^persona; dpkg -l | grep persona-" || true)
[[ -z $left ]] || fail "purge left: $left"
echo "all passed"
