// SPDX-License-Identifier: MIT
// A program without exceptions, whose errors end where it says itself: `no_exceptions ERROR` commits one.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

#include <nn/io/npy.hpp>
#include <nn/io/safetensors.hpp>
#include <nn/nn.hpp>
#include <nn/threads.hpp>

#include "network.hpp"

void nn::on_error(const char* text) {
    std::puts(text);
    std::exit(3);
}

int main(int count, char** arguments) {
    const std::string_view error = count > 1 ? arguments[1] : "none";
    std::mt19937 rng(1);
    nn::Linear<float> linear({.in_features = 3, .out_features = 2}, rng);
    if (error == "shape") {
        linear(nn::Tensor<float, 2>({5, 4}));
    } else if (error == "options") {
        const nn::Linear<float> none({.in_features = 3, .out_features = -1}, rng);
    } else if (error == "file") {
        nn::load_safetensors("absent.safetensors", linear);
    } else if (error == "array") {
        nn::load_npy<float, 1>("absent.npy");
    } else if (error == "workers") {
        const nn::ThreadPool none(0);
    }
    nn::ThreadPool pool(2);
    nn::Workspace workspace(pool);
    nn::Tensor<float, 2> y;
    linear.forward_into(nn::Tensor<float, 2>({5, 3}, 0.0F), y, workspace);
    return y.shape(0) == 5 && y(4, 1) == (*linear.bias)(1) && network_is_right() && recurrence_is_right() ? 0 : 1;
}
