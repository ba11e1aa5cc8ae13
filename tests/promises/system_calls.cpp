// SPDX-License-Identifier: MIT
// A warm forward_into makes no system call: each runs in a process that the kernel kills at any call but exit.

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>

#include <nn/core/workspace.hpp>

#include "support/allocations.hpp"
#include "support/arrays.hpp"
#include "support/calls.hpp"
#include "support/catch.hpp"

namespace {

using nn::test::Array;
using nn::test::Call;

enum class Outcome { silent, killed, unknown };

/// What became of a process that ran f where no system call is allowed. `unknown`: the kernel knows no seccomp, or does not grant it.
template <class F>
Outcome without_system_calls(const F& f) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        sock_filter rules[] = {
            {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
            {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_exit},  // the next rule if it is, else the one after
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS},
        };
        const sock_fprog filter{4, rules};
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
            ::syscall(SYS_exit, 2);
        }
        f();
        ::syscall(SYS_exit, 0);  // _exit would be exit_group
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) {
        return Outcome::unknown;
    }
    if (WIFEXITED(status)) {
        return WEXITSTATUS(status) == 0 ? Outcome::silent : Outcome::unknown;
    }
    return Outcome::killed;
}

}  // namespace

TEST_CASE("a warm forward_into of any layer makes no system call and allocates nothing") {
    int checked = 0;
    int unchecked = 0;
    nn::test::for_each_call([&](Call& call) {
        CAPTURE(call.name);
        const Array x(call.shape, call.indices);
        call.give(x.place());
        call.call();
        const Array y(call.held_shape(), false);
        nn::Workspace workspace;
        const auto run = [&] {
            call.into(x.place(), y.place(), workspace);
            call.into_held(x.place(), workspace);
        };
        run();
        CHECK(nn::test::allocations_in(run) == 0);  // a malloc may be served without a system call
        const Outcome outcome = without_system_calls([&] {
            for (int i = 0; i < 3; ++i) {
                run();
            }
        });
        CHECK(outcome != Outcome::killed);
        ++(outcome == Outcome::silent ? checked : unchecked);
    });
    if (unchecked > 0) {
        WARN(unchecked << " calls were not checked, " << checked << " were: no seccomp here");
    } else {
        CHECK(checked > 100);
    }
}

TEST_CASE("a process that makes a system call is seen") {
    for (const auto outcome : {without_system_calls([] { (void)::syscall(SYS_getpid); }),
                               without_system_calls([] { (void)::write(STDERR_FILENO, "", 0); })}) {
        if (outcome == Outcome::unknown) {
            WARN("not checked: no seccomp here");
        } else {
            CHECK(outcome == Outcome::killed);
        }
    }
    CHECK(without_system_calls([] {}) != Outcome::killed);
}
