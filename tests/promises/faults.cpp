// SPDX-License-Identifier: MIT
// Calls and loaders whose memory runs out at every place in turn, and networks with a layer that fails, leave state and output as they
// were, and no memory behind.

#include <cstddef>
#include <exception>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nn/io/npy.hpp>
#include <nn/io/safetensors.hpp>
#include <nn/nn.hpp>

#include "support/allocations.hpp"
#include "support/arrays.hpp"
#include "support/calls.hpp"
#include "support/catch.hpp"
#include "support/executor.hpp"
#include "support/tensors.hpp"

namespace {

using nn::index_t;
using nn::Shape;
using nn::Tensor;
using nn::test::Array;
using nn::test::Call;
using nn::test::Extents;
using nn::test::filled;
using nn::test::identical;
using nn::test::identical_states;
using nn::test::noise;
using nn::test::Random;
using nn::test::same_memory;

nn::test::Failing which_fail = nn::test::Failing::and_all_later;

/// Whether f throws something when the n-th allocation fails, alone or not.
template <class F>
bool fails(long n, const F& f) {
    nn::test::fail_allocations(n, which_fail);
    bool failed = false;
    try {
        f();
    } catch (const std::exception&) {
        failed = true;
    }
    nn::test::fail_allocations(0);
    return failed;
}

/// Calls f(n), which says whether it failed, for n = 1, 2, … until there is no n-th allocation, where that one fails and all later ones,
/// and where it fails alone. How often f failed.
template <class F>
long failures(const F& f) {
    long count = 0;
    for (const auto which : {nn::test::Failing::and_all_later, nn::test::Failing::alone}) {
        which_fail = which;
        long n = 0;
        do {
            count += f(++n) ? 1 : 0;
        } while (nn::test::allocation_has_failed());
    }
    return count;
}

struct Before {
    explicit Before(const Call& call)
        : state(call.state()), shape(call.held_shape()), values(call.held().begin(), call.held().end()), living(0) {
        living = nn::test::living_allocations();
    }
    bool holds(const Call& call) const {
        const long still_living = nn::test::living_allocations();
        return still_living == living && same_memory(state, call.state()) && shape == call.held_shape() && same_memory(values, call.held());
    }

    std::vector<float> state;
    Extents shape;
    std::vector<float> values;
    long living;
};

}  // namespace

TEST_CASE("every layer: out of memory at any place, state and output are as before and nothing leaks") {
    long all = 0;
    nn::test::for_each_call([&](Call& call) {
        CAPTURE(call.name);
        const Array x(call.shape, call.indices);
        call.give(x.place());
        call.call();
        const std::vector<float> y(call.held().begin(), call.held().end());
        const Extents shape = call.held_shape();
        Extents other = shape;
        other.back() += 1;

        const auto check = [&](const Extents& held, const auto& run) {
            return failures([&](long n) {
                CAPTURE(n, held);
                call.restart(call.shape);
                call.hold(held);
                const Before before(call);
                const bool failed = fails(n, [&] {
                    nn::Workspace workspace;
                    run(workspace);
                });
                if (failed) {
                    CHECK(before.holds(call));
                } else {
                    CHECK(same_memory(call.held(), y));
                    CHECK(shape == call.held_shape());
                }
                return failed;
            });
        };
        const long by_value = check(other, [&](nn::Workspace&) { call.call(); });
        const long fitting = check(shape, [&](nn::Workspace& workspace) { call.into_held(x.place(), workspace); });
        const long replaced = check(other, [&](nn::Workspace& workspace) { call.into_held(x.place(), workspace); });
        CHECK(by_value > 0);
        CHECK(replaced > fitting);

        // A view of memory, by one worker and by several; and the workspace serves on.
        Array out(shape, false);
        const Array as_it_was(shape, false);
        nn::test::Backwards executor;
        long viewed = 0;
        for (const bool alone : {true, false}) {
            viewed += failures([&](long n) {
                CAPTURE(n, alone);
                call.restart(call.shape);
                const Before before(call);
                nn::Workspace workspace = alone ? nn::Workspace() : nn::Workspace(executor);
                const bool failed = fails(n, [&] { call.into(x.place(), out.place(), workspace); });
                if (failed) {
                    CHECK(same_memory(out.values(), as_it_was.values()));
                    CHECK(same_memory(before.state, call.state()));
                    call.into(x.place(), out.place(), workspace);
                }
                CHECK(same_memory(out.values(), y));
                nn::test::fill(out.place(), false, 930);
                return failed;
            });
        }
        all += by_value + fitting + replaced + viewed;
    });
    CHECK(all > 500);
}

// ---- layers that take several steps, of which a later one may need more memory ----

namespace {

/// That out of memory at any place `call(y, workspace)` leaves y as it was; how often it failed. `expected` is what it makes.
template <std::size_t R, class Call>
long check_steps(const Tensor<float, R>& expected, const Call& call) {
    return failures([&](long n) {
        CAPTURE(n);
        auto y = expected;
        y.fill(9);
        const auto before = y;
        nn::Workspace workspace;
        const bool failed = fails(n, [&] { call(y, workspace); });
        CHECK(identical(y, failed ? before : expected));
        return failed;
    });
}

}  // namespace

TEST_CASE("transposed and causal convolutions of any sizes leave output and state as they were when memory runs out") {
    Random random(950);
    long all = 0;
    for (int round = 0; round < 60; ++round) {
        const index_t groups = random.chance(0.5) ? random.integer(1, 40) : 1;
        const index_t channels = groups == 1 ? random.integer(1, 20) : groups;
        const auto layout = random.chance(0.5) ? nn::Layout::channels_first : nn::Layout::channels_last;
        const index_t height = random.integer(1, 12);
        const index_t width = random.integer(1, 40);

        nn::ConvTransposeOptions<2> o{.in_channels = channels, .out_channels = channels, .groups = groups, .layout = layout};
        o.kernel_size = {random.integer(1, 5), random.integer(1, 5)};
        o.stride = {random.integer(1, 3), random.integer(1, 3)};
        const auto transposed = filled(random, nn::ConvTranspose2d<float>(o, nn::no_init));
        const auto x = noise<float, 4>(layout == nn::Layout::channels_first ? Shape<4>{2, channels, height, width}
                                                                            : Shape<4>{2, height, width, channels});
        const auto frozen = nn::freeze(transposed);
        CAPTURE(groups, channels, height, width, o.kernel_size.values(), o.stride.values(), layout == nn::Layout::channels_last);
        const auto y = transposed(x);
        all += check_steps(y, [&](auto& to, nn::Workspace& workspace) { transposed.forward_into(x, nn::view_of(to), workspace); });
        all += check_steps(y, [&](auto& to, nn::Workspace& workspace) { frozen.forward_into(x, nn::view_of(to), workspace); });

        const auto causal = filled(random, nn::CausalConv1d<float>({.in_channels = channels,
                                                                    .out_channels = channels,
                                                                    .kernel_size = random.integer(1, 5),
                                                                    .dilation = random.integer(1, 3),
                                                                    .groups = groups,
                                                                    .layout = layout},
                                                                   nn::no_init));
        const bool last = layout == nn::Layout::channels_last;
        const auto steps = noise<float, 3>(last ? Shape<3>{2, width, channels} : Shape<3>{2, channels, width});
        const auto start = filled(random, causal.initial_state(2));
        auto after = start;
        const auto answer = causal(steps, after);
        all += check_steps(answer, [&](auto& to, nn::Workspace& workspace) {
            auto state = start;
            try {
                causal.forward_into(steps, state, nn::view_of(to), workspace);
            } catch (...) {
                nn::test::fail_allocations(0);
                CHECK(identical_states(state, start));
                throw;
            }
            nn::test::fail_allocations(0);
            CHECK(identical_states(state, after));
        });
    }
    CHECK(all > 300);
}

TEST_CASE("pools over three axes leave output as it was when memory runs out") {
    Random random(951);
    long all = 0;
    for (int round = 0; round < 40; ++round) {
        const index_t deep = random.integer(3, 40);
        const index_t window = random.integer(2, 40);
        const nn::MaxPool3d pool({.window = {window, 2, 2}, .stride = 1, .padding = {{random.integer(1, 20), 0}, {0, 1}, {1, 0}}});
        const nn::AdaptiveAvgPool3d adaptive({.output_size = {random.integer(1, deep), 2, 2}});
        const auto x = noise<float, 5>({1, 2, deep, 3, 4});
        CAPTURE(deep, window);
        if (window <= deep) {
            all += check_steps(pool(x), [&](auto& to, nn::Workspace& workspace) { pool.forward_into(x, nn::view_of(to), workspace); });
        }
        all += check_steps(adaptive(x), [&](auto& to, nn::Workspace& workspace) { adaptive.forward_into(x, nn::view_of(to), workspace); });
    }
    CHECK(all > 80);
}

TEST_CASE("convolutions that run band by band leave output as it was when memory runs out") {
    Random random(952);
    for (const index_t stride : {1, 2}) {
        for (const index_t size : {56, 75}) {
            const index_t wide = 8 * random.integer(6, 14);
            const auto conv = [&](index_t from, index_t to, index_t kernel, index_t step, index_t groups) {
                return filled(random, nn::Conv2d<float>({.in_channels = from,
                                                         .out_channels = to,
                                                         .kernel_size = kernel,
                                                         .stride = step,
                                                         .padding = kernel / 2,
                                                         .groups = groups},
                                                        nn::no_init));
            };
            const nn::Sequential net(conv(16, wide, 1, 1, 1), nn::relu6, conv(wide, wide, 3, stride, wide), nn::relu6,
                                     conv(wide, 24, 1, 1, 1));
            const auto frozen = nn::freeze(net, nn::FreezeOptions{.input_shape = {1, 16, size, size}});
            const auto x = noise<float, 4>({1, 16, size, size});
            CAPTURE(stride, size, wide);
            CHECK(check_steps(frozen(x), [&](auto& to, nn::Workspace& workspace) { frozen.forward_into(x, nn::view_of(to), workspace); }) >
                  3);
        }
    }
}

// ---- networks whose third layer fails ----

namespace {

/// The identity, which throws before it writes.
struct Fails {
    const bool* now;
    bool* reached;

    template <class X>
    auto operator()(const X& x) const {
        fail();
        return nn::identity(x);
    }
    template <class X, class Y>
    void forward_into(const X& x, Y&& y, nn::Workspace& workspace) const {
        fail();
        nn::identity.forward_into(x, y, workspace);
    }
    template <std::size_t R>
    Shape<R> output_shape(const Shape<R>& x) const {
        return x;
    }

private:
    void fail() const {
        *reached = true;
        if (*now) {
            throw std::runtime_error("the third layer fails");
        }
    }
};

/// That a net over (B, T, 4), in training, throws with state and output as they were: what fails is `now`, or memory at any place.
template <class Net>
void check_network(const Net& net, bool& now, const bool& reached) {
    Random random(940);
    const auto start = filled(random, net.initial_state(2));
    const auto x = noise<float, 3>({2, 5, 4});
    const auto check = [&](const auto& run) {
        auto state = start;
        auto y = nn::make_tensor<float, 3>({2, 5, 4}, 9);
        auto wide = nn::make_tensor<float, 3>({1, 2, 3}, 9);
        const auto before = y;
        const auto wide_before = wide;
        long count = 0;
        for (int form = 0; form < 4; ++form) {
            CAPTURE(form);
            const auto once = [&](nn::Workspace& workspace) {
                switch (form) {
                    case 0: (void)net(x, state, nn::training()); break;
                    case 1: net.forward_into(x, state, nn::training(), y, workspace); break;
                    case 2: net.forward_into(x, state, nn::training(), wide, workspace); break;
                    default: net.forward_into(nn::view_of(x), state, y, workspace);
                }
            };
            count += run([&](auto failing) {
                const long living = nn::test::living_allocations();
                bool failed = false;
                {
                    nn::Workspace workspace;
                    failed = failing([&] { once(workspace); });
                }
                if (failed) {
                    CHECK(living == nn::test::living_allocations());
                    CHECK(identical_states(state, start));
                    CHECK(identical(y, before));
                    CHECK(identical(wide, wide_before));
                } else {
                    CHECK(!identical_states(state, start));
                    state = start;
                    y = before;
                    wide = wide_before;
                }
                return failed;
            });
        }
        return count;
    };
    now = true;
    CHECK(check([&](const auto& attempt) {
              CHECK(attempt([](const auto& f) {
                  try {
                      f();
                  } catch (const std::runtime_error&) {
                      return true;
                  }
                  return false;
              }));
              CHECK(reached);
              return 1;
          }) == 4);
    now = false;
    CHECK(check([&](const auto& attempt) {
              return failures([&](long n) { return attempt([n](const auto& f) { return fails(n, f); }); });
          }) > 8);
}

template <class L>
L drawn_layer(const L& layer) {
    Random random(941);
    return filled(random, layer);
}

}  // namespace

TEST_CASE("networks whose third layer fails after the first has computed leave state and output as they were") {
    bool now = false;
    bool reached = false;
    const Fails third{&now, &reached};
    const nn::BatchNorm0d<float> norm({.size = 4});
    const auto lstm = drawn_layer(nn::LSTM<float>({.input_size = 4, .hidden_size = 4}, nn::no_init));
    const auto half = drawn_layer(nn::LSTM<float>({.input_size = 4, .hidden_size = 2}, nn::no_init));
    check_network(nn::Sequential(norm, lstm, third), now, reached);
    check_network(nn::Sequential(lstm, norm, third, nn::tanh), now, reached);
    check_network(nn::Sequential(nn::Sequential(norm, lstm), third), now, reached);
    check_network(nn::Residual(nn::Sequential(norm, lstm, third)), now, reached);
    check_network(nn::Residual(nn::Sequential(norm, lstm), third), now, reached);
    check_network(nn::Bidirectional(half, nn::Sequential(norm, half, third)), now, reached);
}

// ---- loading and saving ----

namespace {

auto network_to_keep(std::uint64_t seed) {
    Random random(seed);
    return filled(random, nn::Sequential(nn::conv_norm_activation<float, 1>({.in_channels = 2, .out_channels = 3},
                                                                            nn::BatchNorm1d<float>({.size = 3}), nn::relu, nn::no_init),
                                         nn::Linear<float>({.in_features = 5, .out_features = 2}, nn::no_init)));
}

}  // namespace

TEST_CASE("loading: out of memory at any place, the network is as before and nothing leaks") {
    const auto source = network_to_keep(950);
    Random random(951);
    const auto source_state = filled(random, source.initial_state());
    const std::filesystem::path path = std::filesystem::temp_directory_path() / "nn_faults.safetensors";
    nn::save_safetensors(path, source, source_state);
    const auto net_before = network_to_keep(952);
    const auto state_before = net_before.initial_state();
    const long count = failures([&](long n) {
        auto net = net_before;
        auto state = state_before;
        const long living = nn::test::living_allocations();
        const bool failed = fails(n, [&] { nn::load_safetensors(path, net, state); });
        CHECK((!failed || living == nn::test::living_allocations()));
        CHECK(identical_states(net, failed ? net_before : source));
        CHECK(identical_states(state, failed ? state_before : source_state));
        return failed;
    });
    std::filesystem::remove(path);
    CHECK(count > 20);
}

TEST_CASE("saving: out of memory at any place, an old file is as before and nothing leaks") {
    const auto net = network_to_keep(953);
    Random random(954);
    const auto state = filled(random, net.initial_state());
    const std::filesystem::path path = std::filesystem::temp_directory_path() / "nn_faults_saved.safetensors";
    const std::filesystem::path beside = path.string() + ".tmp0";
    nn::Linear<float> old({.in_features = 2, .out_features = 2}, nn::no_init);
    old.weight = {{1, 2}, {3, 4}};
    old.bias->fill(5);
    const long count = failures([&](long n) {
        nn::save_safetensors(path, old);
        const long living = nn::test::living_allocations();
        const bool failed = fails(n, [&] { nn::save_safetensors(path, net, state); });
        CHECK(!std::filesystem::exists(beside));
        if (failed) {
            CHECK(living == nn::test::living_allocations());
            nn::Linear<float> kept({.in_features = 2, .out_features = 2}, nn::no_init);
            nn::load_safetensors(path, kept);
            CHECK(identical_states(kept, old));
        } else {
            auto loaded = net;
            auto loaded_state = net.initial_state();
            nn::load_safetensors(path, loaded, loaded_state);
            CHECK(identical_states(loaded, net));
            CHECK(identical_states(loaded_state, state));
        }
        return failed;
    });
    std::filesystem::remove(path);
    CHECK(count > 20);
}

TEST_CASE("freezing: out of memory at any place, the network serves on and nothing leaks") {
    Random random(955);
    const auto net =
        filled(random, nn::Sequential(nn::conv_norm_activation<float, 2>({.in_channels = 16, .out_channels = 16},
                                                                         nn::BatchNorm2d<float>({.size = 16}), nn::relu, nn::no_init),
                                      nn::GlobalAvgPool<2>(), nn::Linear<float>({.in_features = 16, .out_features = 2}, nn::no_init)));
    const auto state = net.initial_state();
    const auto x = noise<float, 4>({1, 16, 12, 12});
    const auto expected = nn::freeze(net, state)(x);
    const long count = failures([&](long n) {
        const long living = nn::test::living_allocations();
        nn::Tensor<float, 2> y;
        const bool failed = fails(n, [&] { y = nn::freeze(net, state)(x); });
        CHECK((failed ? living == nn::test::living_allocations() : identical(y, expected)));
        return failed;
    });
    CHECK(count > 10);
}

TEST_CASE("saving and loading of .npy: out of memory at any place, an old file is as before and nothing leaks") {
    const std::filesystem::path path = std::filesystem::temp_directory_path() / "nn_faults.npy";
    const std::filesystem::path beside = path.string() + ".tmp0";
    const nn::Tensor<float, 2> old{{1, 2}, {3, 4}};
    const nn::Tensor<float, 2> x{{5, 6, 7}};
    const auto check = [&](const auto& expected, const auto& call) {
        const long count = failures([&](long n) {
            nn::save_npy(path, old);
            const long living = nn::test::living_allocations();
            const bool failed = fails(n, call);
            CHECK((!failed || living == nn::test::living_allocations()));
            CHECK(!std::filesystem::exists(beside));
            CHECK(identical(nn::load_npy<float, 2>(path), failed ? old : expected));
            return failed;
        });
        CHECK(count > 2);
    };
    check(old, [&] { (void)nn::load_npy<float, 2>(path); });
    check(x, [&] { nn::save_npy(path, x); });
    std::filesystem::remove(path);
}
