# A booted Debian container for the tests of this folder. Sourced. Needs root, debootstrap and systemd-nspawn.
#   container_root DIR CACHE PACKAGES...    unpacks a fresh tree, made once and kept as CACHE
#   container_boot DIR; in_container COMMAND...; container_stop

container_pid=
container_root_dir=

container_root() {
    local dir=$1 cache=$2
    shift 2
    if [[ ! -f $cache ]]; then
        local fresh
        fresh=$(mktemp -d "$(dirname "$cache")/making.XXXXXX")
        # By apt, as debootstrap knows no names that a package only provides.
        {
            debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,procps bookworm "$fresh" \
                "${PERSONA_DEBIAN_MIRROR:-http://deb.debian.org/debian}" &&
                printf '#!/bin/sh\nexit 101\n' >"$fresh/usr/sbin/policy-rc.d" && chmod 755 "$fresh/usr/sbin/policy-rc.d" &&
                chroot "$fresh" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@" &&
                rm "$fresh/usr/sbin/policy-rc.d"
        } >"$fresh.log" 2>&1 || {
            tail -20 "$fresh.log" >&2
            rm -rf "$fresh"
            return 1
        }
        rm -rf "$fresh"/var/cache/apt/archives/*.deb "$fresh"/var/lib/apt/lists/* "$fresh.log"
        tar -C "$fresh" -cf "$cache.new" . && mv "$cache.new" "$cache"
        rm -rf "$fresh"
    fi
    mkdir -p "$dir"
    tar -C "$dir" -xpf "$cache"
    chmod 755 "$dir"  # not that of mktemp: other users than root live there
    # Nothing of the outside is asked while it boots.
    rm -f "$dir/etc/machine-id"
    : >"$dir/etc/machine-id"
    echo persona-test >"$dir/etc/hostname"
    mkdir -p "$dir/var/log/journal"
}

# Without a system bus (a machine whose own first process is not systemd) the container stays in our unit.
nspawn_options() {
    if [[ -S /run/dbus/system_bus_socket ]]; then
        echo --register=no
    else
        echo --register=no --keep-unit
    fi
}

container_boot() {
    container_root_dir=$1
    # shellcheck disable=SC2046
    systemd-nspawn -q -D "$1" $(nspawn_options) --private-network --boot --console=pipe \
        --kill-signal=SIGRTMIN+3 </dev/null >"$1.console" 2>&1 &
    container_pid=$!
    local tries=0
    until [[ $(in_container systemctl is-system-running 2>/dev/null) =~ running|degraded ]]; do
        tries=$((tries + 1))
        if ! kill -0 "$container_pid" 2>/dev/null || ((tries > 600)); then
            echo "the container did not boot; its console:" >&2
            tail -40 "$1.console" >&2
            return 1
        fi
        sleep 0.2
    done
}

# pid, outside, of the container's first process: the child of systemd-nspawn that runs systemd.
container_init() {
    local pid
    for pid in $(pgrep -P "$container_pid" 2>/dev/null); do
        [[ $(tr -d '\0' <"/proc/$pid/cmdline" 2>/dev/null) == *systemd* ]] && echo "$pid" && return 0
    done
    return 1
}

in_container() {
    local init
    init=$(container_init) || return 1
    nsenter -t "$init" -m -u -i -n -p -r -w /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

container_stop() {
    [[ -n $container_pid ]] || return 0
    local init
    init=$(container_init || true)
    kill -TERM "$container_pid" 2>/dev/null || true
    local tries=0
    while kill -0 "$container_pid" 2>/dev/null && ((tries < 300)); do
        sleep 0.1
        tries=$((tries + 1))
    done
    # One that hangs: its processes would outlive systemd-nspawn; the first of them takes the others along.
    if kill -0 "$container_pid" 2>/dev/null; then kill -KILL ${init:+"$init"} "$container_pid" || true; fi
    wait "$container_pid" 2>/dev/null || true
    container_pid=
}
