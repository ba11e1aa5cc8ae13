// SPDX-License-Identifier: MIT
#pragma once

// As in nn.hpp.
#pragma push_macro("min")
#pragma push_macro("max")
#undef min
#undef max

#include <algorithm>    // std::sort, std::adjacent_find, std::binary_search, std::transform
#include <concepts>     // std::same_as
#include <cstddef>      // std::byte, std::size_t
#include <cstdint>      // std::uint64_t
#include <filesystem>   // std::filesystem::path
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_const_v, std::remove_cvref_t
#include <vector>       // std::vector

#include <nn/compose/parameters.hpp>
#include <nn/core/error.hpp>
#include <nn/io/dtype.hpp>
#include <nn/io/file.hpp>
#include <nn/io/incoming.hpp>
#include <nn/io/load_options.hpp>
#include <nn/io/safetensors_file.hpp>
#include <nn/io/safetensors_header.hpp>
#include <nn/tensor.hpp>

// g++ takes a program's own operator new and delete for a mismatched pair where it has inlined one of the two.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace nn::inline NN_ABI {

namespace detail {

/// A network that files hold: it names its tensors. At most one state goes with it.
template <class Net, class... State>
concept saved = has_members<const Net> && sizeof...(State) <= 1 && (std::is_class_v<State> && ...);
template <class Net, class... State>
concept loaded = saved<Net, State...> && !std::is_const_v<Net> && ((!std::is_const_v<State> && !std::is_same_v<State, LoadOptions>)&&...);

/// Calls `f(name, tensor)` for all that a file holds of a network and its state.
template <class F, class Net, class... State>
void visit_saved(F f, Net& net, State&... state) {
    visit_parameters(net, f);
    (visit_statistics(state, f), ...);
}

/// The names of the statistics that go with a network.
template <class Net>
std::vector<std::string> statistics_of(const Net& net) {
    std::vector<std::string> names;
    const auto add = [&](std::string_view name, const auto&) { names.emplace_back(name); };
    if constexpr (requires { net.initial_state(); }) {
        const auto state = net.initial_state();
        visit_statistics(state, add);
    } else if constexpr (requires { net.initial_state(index_t(1)); }) {
        const auto state = net.initial_state(index_t(1));
        visit_statistics(state, add);
    }
    std::sort(names.begin(), names.end());
    return names;
}

template <std::size_t R>
bool equal_extents(std::span<const index_t> a, const Shape<R>& b) {
    bool equal = a.size() == R;
    for (std::size_t axis = 0; equal && axis < R; ++axis) {
        equal = a[axis] == b[axis];
    }
    return equal;
}

/// Everything in which a file and a network differ, as one line; empty if the file fits.
template <class Net, class... State>
std::string misfits(const Intake& intake, const LoadOptions& options, const Net& net, const State&... state) {
    Listing missing;
    Listing shapes;
    Listing types;
    Listing values;
    Listing twice;
    Listing unused;
    Listing statistics;
    std::vector<std::string> taken;
    visit_saved(
        [&](std::string_view name, const auto& tensor) {
            using T = typename std::remove_cvref_t<decltype(tensor)>::value_type;
            taken.emplace_back(name);
            const Incoming* const found = intake.find(name);
            if (found == nullptr) {
                missing.add(in_quotes(name));
                return;
            }
            const auto expected = view_of(tensor).shape;
            if (!equal_extents(found->shape, expected)) {
                shapes.add(join(found->label(), " ", std::span<const index_t>(found->shape), ", expected ", expected));
            }
            if (!may_take<T>(found->dtype, options)) {
                const bool narrows = std::same_as<T, float> && found->dtype == dtype_f64;
                types.add(join(found->label(), " ", found->dtype->name, ", expected ", dtype_of<T>()->name,
                               narrows ? " (LoadOptions::narrow is false)" : ""));
            } else if ((found->converted || !widens_to<T>(found->dtype)) && std::same_as<T, float> && !found->fits_float()) {
                values.add(found->label());
            }
        },
        net, state...);

    std::sort(taken.begin(), taken.end());
    for (auto name = taken.begin(); (name = std::adjacent_find(name, taken.end())) != taken.end(); ++name) {
        twice.add(in_quotes(*name));
    }
    std::vector<std::string> known_statistics;
    if constexpr (sizeof...(State) == 0) {
        known_statistics = statistics_of(net);
    }
    for (const Incoming& tensor : intake.tensors()) {
        if (!std::binary_search(taken.begin(), taken.end(), tensor.name)) {
            unused.add(tensor.label());
            if (std::binary_search(known_statistics.begin(), known_statistics.end(), tensor.name)) {
                statistics.add(tensor.label());
            }
        }
    }

    std::string text;
    const auto say = [&](const Listing& listing, std::string_view what) {
        if (listing.count() != 0) {
            text += join(text.empty() ? "" : "; ", listing.count(), " ", what, ": ", listing.text());
        }
    };
    say(missing, "missing");
    say(shapes, "of another shape");
    say(types, "of another dtype");
    say(values, "too large for a float");
    say(unused, "of the file unused");
    say(statistics, "of these are statistics, which go into a state, and none was given");
    say(twice, "of the network's names stand for two tensors");
    say(intake.twice, "of the file's tensors, renamed, have the name of another");
    say(intake.idle_renames, "of LoadOptions::rename fit no tensor");
    say(intake.idle_conversions, "of LoadOptions::convert fit no tensor");
    return text;
}

/// A tensor on its way into a file. Refers to the network's memory.
struct Outgoing {
    std::string name;
    const Dtype* dtype;
    std::vector<index_t> shape;
    const std::byte* data;
    std::size_t bytes;
};

/// All that a file holds of a network and its state, in the file's order.
template <class Net, class... State>
std::vector<Outgoing> outgoing(std::string_view file, const Net& net, const State&... state) {
    std::vector<Outgoing> tensors;
    visit_saved(
        [&](std::string_view name, const auto& tensor) {
            using T = typename std::remove_cvref_t<decltype(tensor)>::value_type;
            const auto shape = view_of(tensor).shape;
            tensors.push_back({std::string(name),
                               dtype_of<T>(),
                               {shape.begin(), shape.end()},
                               reinterpret_cast<const std::byte*>(tensor.data()),
                               tensor.size() * sizeof(T)});
        },
        net, state...);
    // The reference implementation's order. Wide types come first, so that every tensor is aligned.
    std::sort(tensors.begin(), tensors.end(),
              [](const Outgoing& a, const Outgoing& b) { return a.dtype != b.dtype ? a.dtype > b.dtype : a.name < b.name; });
    std::vector<std::string_view> names(tensors.size());
    std::transform(tensors.begin(), tensors.end(), names.begin(), [](const Outgoing& tensor) { return std::string_view(tensor.name); });
    std::sort(names.begin(), names.end());
    if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
        fail_file("nn::save_safetensors", file, "two tensors are named ", in_quotes(*twice));
    }
    return tensors;
}

/// The first bytes of a file: the header's length and the header, padded with spaces so that the data begin at a multiple of 8.
inline std::string safetensors_head(std::string_view file, const std::vector<Outgoing>& tensors) {
    constexpr std::string_view who = "nn::save_safetensors";
    std::string header = "{";
    std::size_t offset = 0;
    for (const Outgoing& tensor : tensors) {
        if (tensor.name == metadata_name) {
            fail_file(who, file, "a tensor is named ", metadata_name, ", which the format keeps for itself");
        }
        const nlohmann::json name = tensor.name;
        const std::string text = name.dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore);
        if (text != name.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) {
            fail_file(who, file, "the name ", in_quotes(tensor.name), " of a tensor is not UTF-8");
        }
        header += header.size() > 1 ? "," : "";
        header += text + R"(:{"dtype":")" + std::string(tensor.dtype->name) + R"(","shape":[)";
        for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
            header += (axis == 0 ? "" : ",") + std::to_string(tensor.shape[axis]);
        }
        header += R"(],"data_offsets":[)" + std::to_string(offset) + "," + std::to_string(offset + tensor.bytes) + "]}";
        offset += tensor.bytes;
    }
    header += "}";
    header.append((8 - header.size() % 8) % 8, ' ');
    if (header.size() > static_cast<std::size_t>(most_header_bytes)) {
        fail_file(who, file, "the header would be ", header.size(), " bytes long, more than the ", most_header_bytes, " that readers take");
    }
    std::string head;
    for (std::size_t i = 0; i < 8; ++i) {
        head += static_cast<char>(static_cast<unsigned char>(static_cast<std::uint64_t>(header.size()) >> (8 * i)));
    }
    return head + header;
}

}  // namespace detail

/// Writes the parameters of a network, and the statistics of its state if one is given, under the names that `visit_parameters` and
/// `visit_statistics` give them. Carried states (LSTM, GRU) are not written.
///
///     nn::save_safetensors("model.safetensors", net, state);
///
/// The same network gives the same bytes, those that the Python library writes. They go into a new file beside `path` (whose name ends
/// in .tmp and a number), which then takes its place: whatever fails, short of the machine, an old file at `path` is as it was.
///
/// Errors  file_error
template <class Net, class... State>
    requires detail::saved<Net, State...>
void save_safetensors(const std::filesystem::path& path, const Net& net, const State&... state) {
    const std::vector<detail::Outgoing> tensors = detail::outgoing(path.string(), net, state...);
    const std::string head = detail::safetensors_head(path.string(), tensors);

    detail::Replacement file("nn::save_safetensors", path);
    file.write(head.data(), head.size());
    for (const detail::Outgoing& tensor : tensors) {
        file.write_elements(tensor.data, tensor.bytes, static_cast<std::size_t>(tensor.dtype->bits / 8));
    }
    file.commit();
}

namespace detail {

/// A tensor of a file and the elements that it goes to.
struct Copy {
    const Incoming* from;
    void* to;
    std::size_t count;
    void (*run)(const Incoming& from, void* to, std::size_t count);
};

template <class Net, class... State>
void load(const SafetensorsFile& file, const LoadOptions& options, Net& net, State&... state) {
    const Intake intake(file, options);
    const std::string misfits = detail::misfits(intake, options, net, state...);
    if (!misfits.empty()) {
        fail_file("nn::load_safetensors", file.path(), "does not fit and was not loaded: ", misfits);
    }
    // Visiting makes names, and may run out of memory: it ends before the first tensor is written.
    std::vector<Copy> copies;
    visit_saved(
        [&](std::string_view name, auto& tensor) {
            using T = typename std::remove_cvref_t<decltype(tensor)>::value_type;
            copies.push_back({intake.find(name), tensor.data(), tensor.size(),
                              [](const Incoming& from, void* to, std::size_t count) { from.copy_to(static_cast<T*>(to), count); }});
        },
        net, state...);
    for (const Copy& copy : copies) {
        copy.run(*copy.from, copy.to, copy.count);
    }
}

}  // namespace detail

/// Reads the parameters of a network, and the statistics of its state if one is given, by the names that `visit_parameters` and
/// `visit_statistics` give them.
///
///     auto net = make_network(nn::no_init);
///     auto state = net.initial_state();
///     nn::load_safetensors("model.safetensors", net, state);
///
/// A file of other names and layouts is told how it becomes the network's:
///
///     nn::load_safetensors("torch.safetensors", net, state,
///                          {.ignore = {"num_batches_tracked"}, .rename = {{"conv1", "0"}, {"bn1", "1"}}});
///
/// The file must hold each of them with its shape and element type, and nothing else; F16 and BF16 widen to float, and all three to
/// double. All differences are found before anything is written, and the error lists them.
///
/// Errors  file_error; net and state are untouched.
template <class Net>
    requires detail::loaded<Net>
void load_safetensors(const SafetensorsFile& file, Net& net, const LoadOptions& options = {}) { detail::load(file, options, net); }
/// The same of a network and its statistics, and from a path.
template <class Net, class State>
    requires detail::loaded<Net, State>
void load_safetensors(const SafetensorsFile& file, Net& net, State& state, const LoadOptions& options = {}) {
    detail::load(file, options, net, state);
}
template <class Net>
    requires detail::loaded<Net>
void load_safetensors(const std::filesystem::path& path, Net& net, const LoadOptions& options = {}) {
    detail::load(SafetensorsFile(path), options, net);
}
template <class Net, class State>
    requires detail::loaded<Net, State>
void load_safetensors(const std::filesystem::path& path, Net& net, State& state, const LoadOptions& options = {}) {
    detail::load(SafetensorsFile(path), options, net, state);
}

}  // namespace nn::inline NN_ABI

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#pragma pop_macro("max")
#pragma pop_macro("min")
