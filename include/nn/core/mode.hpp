// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::same_as
#include <random>       // std::uniform_random_bit_generator
#include <type_traits>  // std::remove_cvref_t

#include <nn/version.hpp>

namespace nn::inline NN_ABI {

template <class E>
concept random_engine = std::uniform_random_bit_generator<std::remove_cvref_t<E>>;

/// Stands where a random engine does, for a layer that is about to be loaded: its parameters are zero until then.
struct NoInit {};
inline constexpr NoInit no_init{};

template <class E>
concept engine_or_none = random_engine<E> || std::same_as<std::remove_cvref_t<E>, NoInit>;

/// The mode of a call in training: BatchNorm uses the batch's statistics and updates its own; Dropout draws from the engine.
/// Without a mode a call is inference.
template <class Engine = void>
struct Training {
    Engine* engine;
};
template <>
struct Training<void> {};

template <random_engine Engine>
constexpr Training<Engine> training(Engine& engine) {
    return {&engine};
}
constexpr Training<> training() { return {}; }

template <class M>
inline constexpr bool is_training = false;
template <class E>
inline constexpr bool is_training<Training<E>> = true;

template <class M>
concept mode = is_training<std::remove_cvref_t<M>>;

}  // namespace nn::inline NN_ABI
