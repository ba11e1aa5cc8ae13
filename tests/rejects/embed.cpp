// SPDX-License-Identifier: MIT
#include <nn/layers/embed.hpp>

#include <random>

void embed(std::mt19937& rng) {
    const nn::Embed<float> layer({.num_embeddings = 10, .embedding_size = 4}, rng);
    const nn::Tensor<int, 2> x({2, 3}, 0);
    const nn::Tensor<float, 2> queries({2, 4}, 0.0F);
    nn::Tensor<float, 3> y;
    nn::Tensor<float, 2> z;
    nn::Workspace workspace;
    layer(x);
    layer(x + x);
    layer(nn::Tensor<unsigned char, 0>(3));
    layer.forward_into(x, y, workspace);
    layer.attend(queries);
    layer.attend_into(queries, z, workspace);

#ifdef NN_REJECT
    // Indices are integers: what else is there would be a mistake.
    layer(nn::Tensor<bool, 2>({2, 3}, false));  // expects: no match for call
    layer(nn::Tensor<float, 2>({2, 3}, 0.0F));  // expects: no match for call
    layer(3);                                   // expects: no match for call
    const nn::Tensor<bool, 2> flags({2, 3}, false);
    layer.forward_into(flags, y, workspace);    // expects: no matching function for call to '.*forward_into
    layer.forward_into(queries, y, workspace);  // expects: no matching function for call to '.*forward_into

    // In memory, and of the table's scalar type.
    nn::Tensor<double, 3> wide;
    layer.forward_into(x + x, y, workspace);  // expects: no matching function for call to '.*forward_into
    layer.forward_into(x, wide, workspace);   // expects: no matching function for call to '.*forward_into

    // What attends is a vector of it.
    layer.attend(x);                               // expects: no matching function for call to '.*attend
    layer.attend(nn::Tensor<double, 2>({2, 4}));   // expects: no matching function for call to '.*attend
    layer.attend(nn::Tensor<float, 0>(1.0F));      // expects: no matching function for call to '.*attend
    layer.attend_into(queries, y + y, workspace);  // expects: no matching function for call to '.*attend_into

    // An engine draws the table, or `no_init` leaves it.
    const nn::Embed<float> undrawn({.num_embeddings = 2, .embedding_size = 1});  // expects: no matching function
#endif
}
