#include "host/app/lockdown.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace persona::host::app {

namespace {

/// By name, as some are unknown to older headers; what this kernel's architecture lacks is skipped.
constexpr const char* kDenied[] = {
    // the network: nothing goes out
    "socket", "socketpair", "connect", "sendmmsg",
    // programs and processes
    "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev",
    "process_madvise", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "kcmp", "memfd_create", "memfd_secret",
    // the kernel's wider doors
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "keyctl", "add_key", "request_key", "unshare", "setns", "mount", "umount",
    "umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
    "mount_setattr", "pivot_root", "chroot", "init_module", "finit_module", "delete_module",
    "kexec_load", "kexec_file_load", "open_by_handle_at", "name_to_handle_at", "personality",
    "acct", "quotactl", "quotactl_fd", "swapon", "swapoff", "reboot", "iopl", "ioperm",
    "modify_ldt", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
    "setdomainname", "syslog", "lookup_dcookie", "vhangup", "nfsservctl", "uselib"};

struct Release {
    void operator()(void* filter) const { ::seccomp_release(filter); }
};

std::string failed(const std::string& what, int error) {
    return "lockdown: " + what + ": " + std::strerror(error) +
           " (it needs Linux with seccomp; set lockdown to false where that is not to be had)";
}

/// Rules that look at arguments.
int denyByArgument(scmp_filter_ctx filter) {
    struct Rule {
        int call;
        scmp_arg_cmp argument;
    };
    const auto self = static_cast<scmp_datum_t>(::getpid());
    const Rule rules[] = {
        // A process, not a thread.
        {SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)},
        // To an address, so over a socket without a connection.
        {SCMP_SYS(sendto), SCMP_A4(SCMP_CMP_NE, 0)},
        {SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)},
        {SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)},
        {SCMP_SYS(pkey_mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)},
        {SCMP_SYS(kill), SCMP_A0(SCMP_CMP_NE, self)},
        {SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_NE, self)},
        {SCMP_SYS(tkill), SCMP_A0(SCMP_CMP_NE, self)},
    };
    for (const auto& r : rules)
        if (const int rc = ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), r.call, 1, r.argument);
            rc != 0)
            return rc;
    // Its flags are in memory, where a filter cannot look. ENOSYS makes the C library use clone.
    return ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

}  // namespace

std::string lockDown() {
    const std::unique_ptr<void, Release> filter(::seccomp_init(SCMP_ACT_ALLOW));
    if (!filter) return failed("cannot make a filter", ENOMEM);
    // Loops, executors and timers run already: all of them, or none.
    if (const int rc = ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); rc != 0)
        return failed("this kernel cannot lock all threads at once", -rc);
    for (const char* name : kDenied) {
        const int call = ::seccomp_syscall_resolve_name(name);
        if (call == __NR_SCMP_ERROR) continue;
        if (const int rc = ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0);
            rc != 0)
            return failed(std::string("cannot deny ") + name, -rc);
    }
    if (const int rc = denyByArgument(filter.get()); rc != 0)
        return failed("cannot add a rule", -rc);
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return failed("cannot forbid cores", errno);
    // Sets "no new privileges" too.
    if (const int rc = ::seccomp_load(filter.get()); rc != 0)
        return failed("the kernel refused the filter", -rc);
    return "";
}

}  // namespace persona::host::app
