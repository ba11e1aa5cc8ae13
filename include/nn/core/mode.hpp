// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::same_as
#include <random>       // std::uniform_random_bit_generator
#include <type_traits>  // std::remove_cvref_t

#include <nn/version.hpp>

namespace nn::inline NN_ABI {

/// A generator of random bits, such as std::mt19937.
template <class E>
concept random_engine = std::uniform_random_bit_generator<std::remove_cvref_t<E>>;

/// Stands where a random engine does, for a layer that is about to be loaded: its parameters are zero until then.
struct NoInit {};
inline constexpr NoInit no_init{};  ///< instead of an engine

/// What a layer is built with: a random engine or `no_init`.
template <class E>
concept engine_or_none = random_engine<E> || std::same_as<std::remove_cvref_t<E>, NoInit>;

/// The mode of a call in training: BatchNorm uses the batch's statistics and updates its own; Dropout draws from the engine.
/// Without a mode a call is inference.
template <class Engine = void>
struct Training {
    Engine* engine;  ///< what Dropout draws from
};
/// The mode without an engine, for networks without Dropout.
template <>
struct Training<void> {};

/// The mode of training, with the engine that Dropout draws from, if any.
template <random_engine Engine>
constexpr Training<Engine> training(Engine& engine) {
    return {&engine};
}
constexpr Training<> training() { return {}; }  ///< the mode of training without an engine

/// Whether M is a `Training`.
template <class M>
inline constexpr bool is_training = false;
template <class E>
inline constexpr bool is_training<Training<E>> = true;

/// What may stand behind x and the state of a call.
template <class M>
concept mode = is_training<std::remove_cvref_t<M>>;

}  // namespace nn::inline NN_ABI
