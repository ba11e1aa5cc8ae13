// SPDX-License-Identifier: MIT
#include <nn/layers/activations.hpp>
#include <nn/layers/adaptive_pool.hpp>
#include <nn/layers/group_norm.hpp>
#include <nn/layers/layer_norm.hpp>
#include <nn/layers/local_response_norm.hpp>
#include <nn/layers/softmax.hpp>

void norms() {
    const nn::LayerNorm<float, 2> layer_norm({.shape = {3, 4}});
    const nn::RMSNorm<float> rms_norm({.shape = 4});
    const nn::GroupNorm<float, 1> group_norm({.groups = 1, .channels = 3});
    const nn::LocalResponseNorm<float, 1> response_norm;
    const nn::AdaptiveMaxPool2d pool({.output_size = {2, 2}});
    const nn::GlobalAvgPool<2> global;
    const nn::Tensor<float, 3> x({2, 3, 4}, 1.0F);
    nn::Tensor<float, 3> y;
    nn::Tensor<float, 1> mean;
    nn::Workspace workspace;
    layer_norm(x);
    layer_norm.forward_into(x, y, workspace);
    rms_norm(x);
    group_norm(x);
    response_norm(x);
    pool(x);
    global(x);
    global.forward_into(x, mean, workspace);
    nn::softmax(x);
    nn::gelu(x);

#ifdef NN_REJECT
    // No silent conversion between scalar types.
    const nn::Tensor<double, 3> wide({2, 3, 4}, 1.0);
    const nn::Tensor<int, 3> whole({2, 3, 4}, 1);
    layer_norm(wide);     // expects: no match for call
    rms_norm(whole);      // expects: no match for call
    group_norm(wide);     // expects: no match for call
    response_norm(wide);  // expects: no match for call
    pool(whole);          // expects: no match for call
    global(whole);        // expects: no match for call
    nn::softmax(whole);   // expects: no match for call
    nn::gelu(whole);      // expects: no match for call

    // Enough axes.
    const nn::Tensor<float, 1> row{1, 2, 3};
    layer_norm(row);                          // expects: no match for call
    group_norm(row);                          // expects: no match for call
    response_norm(row);                       // expects: no match for call
    pool(row);                                // expects: no match for call
    global(row);                              // expects: no match for call
    nn::softmax(nn::Tensor<float, 0>(1.0F));  // expects: no match for call

    // What is written is memory of that type, and what is read lies in memory.
    nn::Tensor<double, 3> wide_y;
    layer_norm.forward_into(x, wide_y, workspace);    // expects: no matching function for call to '.*forward_into
    group_norm.forward_into(x, x, workspace);         // expects: no matching function for call to '.*forward_into
    response_norm.forward_into(x + x, y, workspace);  // expects: no matching function for call to '.*forward_into
    nn::softmax.forward_into(x, wide_y, workspace);   // expects: no matching function for call to '.*forward_into
    nn::gelu.forward_into(x, y + y, workspace);       // expects: no matching function for call to '.*forward_into

    // Sizes have no default that would do.
    const nn::LayerNorm<float> unsized;       // expects: no matching function
    const nn::GroupNorm<float, 1> ungrouped;  // expects: no matching function
    const nn::AdaptiveMaxPool2d unpooled;     // expects: no matching function
#endif
}
