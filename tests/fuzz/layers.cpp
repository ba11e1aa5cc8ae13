// SPDX-License-Identifier: MIT
// Options and shapes of every layer but the convolutions, compared with its definition.

#include "layers.hpp"

namespace nn::fuzz {

namespace {

constexpr long double roundings = 1e-5L;  // what those of a few floats and their exponentials may come to

/// A shape of these extents, now and then one of them another, in the layout.
template <std::size_t R>
Shape<R> drawn_shape(Draw& draw, std::vector<index_t> shape, Layout layout = Layout::channels_first) {
    if (draw.byte() % 8 == 1) {
        shape[draw.byte() % R] = draw.number(0, 9);
    }
    return test::fixed<R>(in_layout(shape, layout));
}
/// (B, C, L…) with these channels.
template <std::size_t N>
Shape<N + 2> drawn_image(Draw& draw, index_t channels, Layout layout) {
    std::vector<index_t> shape{draw.number(0, 2), channels};
    for (std::size_t axis = 0; axis < N; ++axis) {
        shape.push_back(draw.number(0, N == 1 ? 40 : 9));
    }
    return drawn_shape<N + 2>(draw, shape, layout);
}
const auto same_extents = [](const std::vector<Wide>& shape) { return shape; };
const auto no_arrays = [](const auto&) { return true; };

// ---- pools ----

/// Cells first … last − 1 of an axis, and how many a mean counts.
struct Part {
    Wide first, last, counted;
};

/// The maximum, minimum or mean of the cells of x under each window; `parts(axis, window)` says which.
template <class Kind>
Expected pooled(Expected expected, const Dense& x, const auto& parts) {
    test::for_each_index(expected.y.shape, [&](const Extents& index) {
        Extents first = index;
        Extents extents(index.size(), 1);
        long double counted = 1;
        for (std::size_t axis = 0; axis + 2 < index.size(); ++axis) {
            const Part part = parts(axis, index[axis + 2]);
            first[axis + 2] = static_cast<index_t>(part.first);
            extents[axis + 2] = static_cast<index_t>(std::max<Wide>(part.last - part.first, 0));
            counted *= static_cast<long double>(part.counted);
        }
        constexpr bool mean = std::is_same_v<Kind, ops::AvgPooling>;
        constexpr bool most = std::is_same_v<Kind, ops::MaxPooling>;
        constexpr long double infinity = std::numeric_limits<long double>::infinity();
        long double value = mean ? 0 : most ? -infinity : infinity;
        long double magnitude = 0;
        test::for_each_index(extents, [&](Extents cell) {
            std::transform(cell.begin(), cell.end(), first.begin(), cell.begin(), std::plus<>());
            const long double found = x.at(cell);
            value = mean ? value + found : most ? std::max(value, found) : std::min(value, found);
            magnitude += std::abs(found);
        });
        const index_t terms = test::count_of(extents);
        expected.y.at(index) = mean && terms > 0 ? value / counted : value;
        expected.error.at(index) = mean && terms > 0 ? test::sum_bound<float>(terms) * magnitude / counted : 0;
    });
    return expected;
}

template <std::size_t N, class Kind>
void pool(Draw& draw) {
    using L = Pool<N, Kind>;
    const auto drawn = [&] {
        return PoolOptions<N>{.window = draw.per_axis<N>(1, 4),
                              .stride = draw.per_axis<N>(0, 3),
                              .padding = draw.padding<N>(0),
                              .count_padding = draw.flag(),
                              .ceil_mode = draw.flag(),
                              .layout = draw.layout()};
    };
    const PoolOptions<N> o = drawn();
    const auto axis_of = [&](std::size_t i, Wide length) {
        const Wide stride = o.stride[i] == 0 ? o.window[i] : o.stride[i];
        return padded({.length = length, .kernel = o.window[i], .stride = stride, .dilation = 1}, o.padding.rule(), o.padding[i]);
    };
    call<L>(
        draw, drawn, no_arrays, o, o.layout, drawn_image<N>(draw, draw.number(0, 5), o.layout),
        [&](std::vector<Wide> shape) {
            for (std::size_t i = 0; i < N; ++i) {
                const Axis axis = axis_of(i, shape[i + 2]);
                Wide windows = axis.windows();
                const bool rest = axis.beyond() > -axis.stride && axis.beyond() % axis.stride != 0;
                windows += o.ceil_mode && rest && windows * axis.stride - axis.before < axis.length ? 1 : 0;
                shape[i + 2] = windows;
            }
            return shape;
        },
        [&](const L&, const Dense& x, Expected expected) {
            return pooled<Kind>(std::move(expected), x, [&](std::size_t i, index_t window) {
                const Axis axis = axis_of(i, x.shape[i + 2]);
                const Wide start = axis.start(window);
                const Wide end = start + axis.kernel;
                const Wide first = std::max<Wide>(start, 0);
                const Wide last = std::min(end, axis.length);
                return Part{first, last, o.count_padding ? std::min(end, axis.length + axis.after) - start : last - first};
            });
        });
}

template <std::size_t N, class Kind>
void adaptive_pool(Draw& draw) {
    using L = AdaptivePool<N, Kind>;
    const auto drawn = [&] {
        return AdaptivePoolOptions<N>{.output_size = draw.per_axis<N>(1, 5),
                                      .windows = draw.pick({AdaptiveWindows::torch, AdaptiveWindows::equinox}),
                                      .layout = draw.layout()};
    };
    const AdaptivePoolOptions<N> o = drawn();
    call<L>(
        draw, drawn, no_arrays, o, o.layout, drawn_image<N>(draw, draw.number(0, 5), o.layout),
        [&](std::vector<Wide> shape) {
            std::copy(o.output_size.values().begin(), o.output_size.values().end(), shape.begin() + 2);
            return shape;
        },
        [&](const L&, const Dense& x, Expected expected) {
            return pooled<Kind>(std::move(expected), x, [&](std::size_t i, Wide window) {
                const Wide length = x.shape[i + 2];
                const Wide windows = o.output_size[i];
                const Wide longer = length % windows;  // Equinox's windows of one cell more
                const auto start = [&](Wide w) { return w * (length / windows) + std::min(w, longer); };
                const Part part = o.windows == AdaptiveWindows::torch
                                      ? Part{window * length / windows, ((window + 1) * length + windows - 1) / windows, 0}
                                      : Part{start(window), start(window + 1), 0};
                return Part{part.first, part.last, part.last - part.first};
            });
        });
}

template <std::size_t N, class Kind>
void global_pool(Draw& draw) {
    using L = GlobalPool<N, Kind>;
    const GlobalPoolOptions o{.layout = draw.layout()};
    call<L>(
        draw, [&] { return o; }, no_arrays, o, o.layout, drawn_image<N>(draw, draw.number(0, 5), o.layout),
        [](const std::vector<Wide>& shape) {
            return std::vector<Wide>{shape[0], shape[1]};
        },
        [](const L&, const Dense& x, const Expected& expected) {
            Extents one = x.shape;  // (B, C, 1…): one window
            std::fill(one.begin() + 2, one.end(), 1);
            Expected wide = pooled<Kind>(Expected(one), x, [&](std::size_t i, index_t) { return Part{0, x.shape[i + 2], x.shape[i + 2]}; });
            wide.y.shape = wide.error.shape = expected.y.shape;
            return wide;
        });
}

template <std::size_t N>
void pixel_shuffle(Draw& draw) {
    using L = PixelShuffle<N>;
    const auto drawn = [&] { return PixelShuffleOptions<N>{.upscale_factor = draw.per_axis<N>(1, 3), .layout = draw.layout()}; };
    const PixelShuffleOptions<N> o = drawn();
    Wide channels = draw.number(0, 3);
    for (const index_t r : o.upscale_factor.values()) {
        channels = std::clamp<Wide>(channels * r, 0, 64);
    }
    call<L>(
        draw, drawn, no_arrays, o, o.layout, drawn_image<N>(draw, static_cast<index_t>(channels), o.layout),
        [&](std::vector<Wide> shape) {
            for (std::size_t i = 0; i < N; ++i) {
                shape[1] /= o.upscale_factor[i];  // one after the other: their product may be anything
                shape[i + 2] *= o.upscale_factor[i];
            }
            return shape;
        },
        [&](const L&, const Dense& x, Expected expected) {
            test::for_each_index(expected.y.shape, [&](const Extents& index) {
                Extents from = index;
                for (std::size_t i = 0; i < N; ++i) {
                    const index_t r = o.upscale_factor[i];
                    from[1] = from[1] * r + index[i + 2] % r;
                    from[i + 2] = index[i + 2] / r;
                }
                expected.y.at(index) = x.at(from);
            });
            return expected;
        });
}

// ---- norms ----

/// (x − μ) / √(σ² + eps) of the elements whose places are given, or x / √(mean(x²) + eps).
void normalise(Expected& expected, const Dense& x, const std::vector<std::size_t>& places, double eps, bool centred) {
    const auto n = static_cast<long double>(places.size());
    long double mean = 0;
    long double square = 0;
    for (const std::size_t place : places) {
        mean += centred ? x.values[place] / n : 0;
    }
    for (const std::size_t place : places) {
        square += (x.values[place] - mean) * (x.values[place] - mean) / n;
    }
    for (const std::size_t place : places) {
        expected.y.values[place] = (x.values[place] - mean) / std::sqrt(square + static_cast<long double>(eps));
        expected.error.values[place] = 100 * roundings;
    }
}
/// The places of `count` elements from `first` on.
std::vector<std::size_t> places_from(std::size_t first, std::size_t count) {
    std::vector<std::size_t> places(count);
    std::iota(places.begin(), places.end(), first);
    return places;
}
/// · weight + bias, of the channel or of the place inside an item.
void scale(Expected& expected, const auto& weight, const auto& bias, const auto& place_of) {
    for (std::size_t i = 0; i < expected.y.values.size(); ++i) {
        expected.y.values[i] *= weight ? weight->data()[place_of(i)] : 1;
        expected.y.values[i] += bias ? bias->data()[place_of(i)] : 0;
    }
}
auto channel_of(const Extents& shape) {
    return [channels = static_cast<std::size_t>(shape[1]),
            cells = static_cast<std::size_t>(test::count_of({shape.begin() + 2, shape.end()}))](std::size_t place) {
        return place / cells % channels;
    };
}
double drawn_eps(Draw& draw) { return draw.pick({1e-3, 1e-3, 1.0, 0.1, -1.0, std::numeric_limits<double>::quiet_NaN()}); }

template <class L, std::size_t R, template <std::size_t> class Options>
void layer_norm(Draw& draw) {
    const auto drawn = [&] {
        return Options<R>{.shape = draw.per_axis<R>(1, 20), .eps = drawn_eps(draw), .use_weight = draw.flag(), .use_bias = draw.flag()};
    };
    const Options<R> o = drawn();
    std::vector<index_t> shape{draw.number(0, 3)};
    shape.insert(shape.end(), o.shape.values().begin(), o.shape.values().end());
    call<L>(
        draw, drawn, [](const Options<R>& with) { return to_ask_for(with.shape.values()); }, o, Layout::channels_first,
        drawn_shape<R + 1>(draw, shape), same_extents,
        [&](const L& layer, const Dense& x, Expected expected) {
            const auto size = static_cast<std::size_t>(element_count(o.shape.values()));
            for (std::size_t first = 0; first < x.values.size(); first += size) {
                normalise(expected, x, places_from(first, size), o.eps, Options<R>::centred);
            }
            scale(expected, layer.weight, layer.bias, [&](std::size_t place) { return place % size; });
            return expected;
        });
}

template <std::size_t N>
void group_norm(Draw& draw) {
    using L = GroupNorm<float, N>;
    const auto drawn = [&] {
        const index_t groups = draw.number(1, 4);
        return GroupNormOptions{
            .groups = groups,
            .channels = draw.channels(groups),
            .eps = drawn_eps(draw),
            .use_weight = draw.flag(),
            .use_bias = draw.flag(),
            .layout = draw.layout()};
    };
    const GroupNormOptions o = drawn();
    call<L>(
        draw, drawn, [](const GroupNormOptions& with) { return to_ask_for({with.channels}); }, o, o.layout,
        drawn_image<N>(draw, o.channels, o.layout), same_extents,
        [&](const L& layer, const Dense& x, Expected expected) {
            const std::size_t size = x.values.empty() ? 1 : x.values.size() / static_cast<std::size_t>(x.shape[0] * o.groups);
            for (std::size_t first = 0; first < x.values.size(); first += size) {
                normalise(expected, x, places_from(first, size), o.eps, true);
            }
            scale(expected, layer.weight, layer.bias, channel_of(x.shape));
            return expected;
        });
}

/// A BatchNorm with statistics of its own, as a layer of x alone.
template <std::size_t N, bool Training>
struct Normalised : BatchNorm<float, N> {
    BatchNormState<float> state;

    explicit Normalised(const BatchNormOptions& options) : BatchNorm<float, N>(options), state(this->initial_state()) {
        state.running_mean.fill(0.25F);
        state.running_var.fill(2);
    }
    auto operator()(const auto& x) {
        if constexpr (Training) {
            return BatchNorm<float, N>::operator()(x, state, training());
        } else {
            return BatchNorm<float, N>::operator()(x, state);
        }
    }
    auto frozen_alone(const FreezeOptions& freezing) const
        requires(!Training)
    {
        return freeze(static_cast<const BatchNorm<float, N>&>(*this), state, freezing);
    }
};

template <std::size_t N, bool Training>
void batch_norm(Draw& draw) {
    using L = Normalised<N, Training>;
    const auto drawn = [&] {
        return BatchNormOptions{.size = draw.number(1, 20),
                                .eps = drawn_eps(draw),
                                .unbiased_running_var = draw.flag(),
                                .use_weight = draw.flag(),
                                .use_bias = draw.flag(),
                                .layout = draw.layout()};
    };
    const BatchNormOptions o = drawn();
    call<L>(
        draw, drawn, [](const BatchNormOptions& with) { return to_ask_for({with.size}); }, o, o.layout,
        drawn_image<N>(draw, o.size, o.layout), same_extents,
        [&](const L& layer, const Dense& x, Expected expected) {
            const auto channel = channel_of(x.shape);
            std::vector<std::vector<std::size_t>> places(static_cast<std::size_t>(o.size));
            for (std::size_t i = 0; i < x.values.size(); ++i) {
                places[channel(i)].push_back(i);
                expected.y.values[i] = (x.values[i] - 0.25L) / std::sqrt(2 + static_cast<long double>(o.eps));
                expected.error.values[i] = roundings;
            }
            for (const std::vector<std::size_t>& each : places) {
                if constexpr (Training) {
                    normalise(expected, x, each, o.eps, true);
                }
            }
            scale(expected, layer.weight, layer.bias, channel);
            return expected;
        });
}

template <std::size_t N>
void local_response_norm(Draw& draw) {
    using L = LocalResponseNorm<float, N>;
    const auto drawn = [&] {
        return LocalResponseNormOptions{.size = draw.number(0, 9),
                                        .alpha = draw.pick({1.0, 1.0, 1e-4, 0.0}),
                                        .beta = draw.pick({0.75, 0.75, 0.5, 1.0, 0.3, 0.0, -1.0}),
                                        .k = draw.pick({2.0, 2.0, 1.0, 0.5}),
                                        .average = draw.flag(),
                                        .layout = draw.layout()};
    };
    const LocalResponseNormOptions o = drawn();
    call<L>(draw, drawn, no_arrays, o, o.layout, drawn_image<N>(draw, draw.number(0, 20), o.layout), same_extents,
            [&](const L&, const Dense& x, Expected expected) {
                const long double alpha = o.alpha / (o.average ? static_cast<long double>(o.size) : 1);
                test::for_each_index(x.shape, [&](const Extents& index) {
                    long double sum = 0;
                    Extents other = index;
                    for (other[1] = 0; other[1] < x.shape[1]; ++other[1]) {
                        const Wide from = Wide(index[1]) - o.size / 2;
                        sum += other[1] >= from && other[1] < from + o.size ? x.at(other) * x.at(other) : 0;
                    }
                    expected.y.at(index) = x.at(index) / std::pow(o.k + alpha * sum, static_cast<long double>(o.beta));
                    expected.error.at(index) = roundings * (1 + std::abs(expected.y.at(index)));
                });
                return expected;
            });
}

void softmax_row(Draw& draw) {
    refused_or(softmax.name, [&] {
        const Shape<2> shape = drawn_shape<2>(draw, {draw.number(0, 3), draw.number(0, 40)});
        const bool right = softmax.output_shape(shape) == shape;
        if (!is_small(shape) || *std::min_element(shape.begin(), shape.end()) < 0) {
            return;
        }
        test::Random random(7);
        const auto y = softmax(test::random_tensor<float>(random, shape));
        const auto sum = std::accumulate(y.begin(), y.end(), 0.0L);
        if (!right || std::abs(sum - static_cast<long double>(shape[1] > 0 ? shape[0] : 0)) > 4 * roundings) {
            wrong(softmax.name, "rows that do not add up to 1");
        }
    });
}

// ---- affine and recurrent layers ----

/// bias + weight · x, one row after another.
std::vector<long double> affine(const auto& weight, const auto& bias, const std::vector<long double>& x) {
    std::vector<long double> y(weight.shape(0));
    for (std::size_t row = 0; row < y.size(); ++row) {
        y[row] = bias ? (*bias)(row) : 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            y[row] += x[i] * weight(row, i);
        }
    }
    return y;
}
std::vector<long double> row_of(const Dense& x, index_t row, index_t size) {
    return {x.values.begin() + row * size, x.values.begin() + (row + 1) * size};
}

void linear(Draw& draw) {
    using L = Linear<float>;
    const auto drawn = [&] {
        return LinearOptions{.in_features = draw.number(0, 30), .out_features = draw.number(0, 30), .use_bias = draw.flag()};
    };
    const LinearOptions o = drawn();
    call<L>(
        draw, drawn,
        [](const LinearOptions& with) {
            return to_ask_for({with.in_features, with.out_features}) && to_ask_for({with.out_features});
        },
        o, Layout::channels_first, drawn_shape<2>(draw, {draw.number(0, 5), o.in_features}),
        [&](const std::vector<Wide>& shape) {
            return std::vector<Wide>{shape[0], o.out_features};
        },
        [&](const L& layer, const Dense& x, Expected expected) {
            if (expected.y.values.empty()) {
                return expected;  // of however many items
            }
            expected.y.values.clear();
            for (index_t b = 0; b < x.shape[0]; ++b) {
                const auto y = affine(layer.weight, layer.bias, row_of(x, b, o.in_features));
                expected.y.values.insert(expected.y.values.end(), y.begin(), y.end());
            }
            std::fill(expected.error.values.begin(), expected.error.values.end(), roundings);
            return expected;
        });
}

void embed(Draw& draw) {
    const EmbedOptions o{.num_embeddings = draw.number(1, 9),
                         .embedding_size = draw.number(1, 9),
                         .out_of_range = draw.pick({OutOfRange::error, OutOfRange::jax})};
    if (!to_ask_for({o.num_embeddings, o.embedding_size})) {
        return;
    }
    refused_or("nn::Embed", [&] {
        test::Random random(7);
        const auto layer = test::filled(random, Embed<float>(o, no_init));
        const index_t index = draw.number(0, 9);
        const bool inside = index >= 0 && index < o.num_embeddings;
        const auto y = layer(Tensor<index_t, 1>{index});
        const index_t row = index >= 0 ? std::min(index, o.num_embeddings - 1) : std::max<index_t>(index + o.num_embeddings, 0);
        if ((!inside && o.out_of_range == OutOfRange::error) ||
            !std::equal(y.begin(), y.end(), &layer.weight(static_cast<std::size_t>(row), 0))) {
            wrong("nn::Embed", "another row, or one where there is none");
        }
    });
}

void dropout(Draw& draw) {
    refused_or(Dropout::name, [&] {
        constexpr double nan = std::numeric_limits<double>::quiet_NaN();
        Dropout layer({.rate = draw.pick({0.0, 0.5, 1.0, 0.25, -0.1, 1.1, nan})});
        layer.options.rate = draw.flag() ? draw.pick({0.0, 0.5, 1.0, -0.1, nan}) : layer.options.rate;
        const Shape<2> shape = drawn_shape<2>(draw, {draw.number(0, 3), draw.number(0, 40)});
        if (layer.output_shape(shape) != shape) {
            wrong(Dropout::name, "another shape");
        }
        if (!is_small(shape) || *std::min_element(shape.begin(), shape.end()) < 0) {
            return;
        }
        const Tensor<float, 2> x = test::noise<float>(shape);
        if (layer(x) != x) {
            wrong(Dropout::name, "x is changed in inference");
        }
        std::minstd_rand engine(draw.byte());
        const Tensor<float, 2> y = layer(x, training(engine));
        const auto kept = static_cast<float>(1 / (1 - layer.options.rate));
        for (std::size_t i = 0; i < x.size(); ++i) {
            if (y.data()[i] != 0 && y.data()[i] != x.data()[i] * kept) {
                wrong(Dropout::name, "an element is neither dropped nor scaled");
            }
        }
    });
}

/// A recurrent layer over (B, T, D), or a cell over (B, D); `step(layer, x, h, c)` is one of one batch element.
template <class L, class Options>
void recurrent(Draw& draw, const auto& drawn, index_t gates, const auto& step) {
    constexpr bool cell = L::name.ends_with("Cell");
    const Options o = drawn();
    const auto drawn_input = [&] {
        if constexpr (cell) {
            return drawn_shape<2>(draw, {draw.number(0, 3), o.input_size});
        } else {
            return drawn_shape<3>(draw, {draw.number(0, 3), draw.number(0, 5), o.input_size});
        }
    };
    call<L>(
        draw, drawn,
        [&](const Options& with) {
            return to_ask_for({gates, with.hidden_size, with.input_size}) && to_ask_for({gates, with.hidden_size, with.hidden_size});
        },
        o, Layout::channels_first, drawn_input(),
        [&](std::vector<Wide> shape) {
            shape.back() = o.hidden_size;
            return shape;
        },
        [&](const L& layer, const Dense& x, Expected expected) {
            if (expected.y.values.empty()) {
                return expected;  // of however many items
            }
            expected.y.values.clear();
            for (index_t b = 0; b < x.shape[0]; ++b) {
                std::vector<long double> h(static_cast<std::size_t>(o.hidden_size));
                std::vector<long double> c = h;
                const index_t steps = cell ? 1 : x.shape[1];
                for (index_t t = 0; t < steps; ++t) {
                    step(layer, row_of(x, b * steps + t, o.input_size), h, c);
                    expected.y.values.insert(expected.y.values.end(), h.begin(), h.end());
                }
            }
            std::fill(expected.error.values.begin(), expected.error.values.end(), 100 * roundings);
            return expected;
        });
}
long double sigmoid_of(long double x) { return 1 / (1 + std::exp(-x)); }
const std::optional<Tensor<float, 1>> no_bias;

template <class L>
void lstm(Draw& draw) {
    const auto drawn = [&] {
        return LSTMOptions{.input_size = draw.number(1, 9), .hidden_size = draw.number(1, 9), .use_bias = draw.flag(), .forget_bias = 1};
    };
    recurrent<L, LSTMOptions>(draw, drawn, 4, [](const L& layer, const auto& x, auto& h, auto& c) {
        const auto of_x = affine(layer.weight_ih, layer.bias, x);
        const auto of_h = affine(layer.weight_hh, no_bias, h);
        const std::size_t size = h.size();
        const auto gate = [&](std::size_t row) { return of_x[row] + of_h[row]; };
        for (std::size_t i = 0; i < size; ++i) {
            c[i] = sigmoid_of(gate(size + i) + 1) * c[i] + sigmoid_of(gate(i)) * std::tanh(gate(2 * size + i));
            h[i] = sigmoid_of(gate(3 * size + i)) * std::tanh(c[i]);
        }
    });
}

template <class L>
void gru(Draw& draw) {
    const auto drawn = [&] {
        return GRUOptions{.input_size = draw.number(1, 9),
                          .hidden_size = draw.number(1, 9),
                          .use_bias = draw.flag(),
                          .reset = draw.pick({GRUReset::after, GRUReset::before})};
    };
    recurrent<L, GRUOptions>(draw, drawn, 3, [](const L& layer, const auto& x, auto& h, auto&) {
        const auto of_x = affine(layer.weight_ih, layer.bias, x);
        const auto of_h = affine(layer.weight_hh, no_bias, h);
        const std::size_t size = h.size();
        auto reset = h;
        for (std::size_t i = 0; i < size; ++i) {
            reset[i] *= sigmoid_of(of_x[i] + of_h[i]);
        }
        const auto of_reset = affine(layer.weight_hh, no_bias, reset);
        for (std::size_t i = 0; i < size; ++i) {
            const long double r = sigmoid_of(of_x[i] + of_h[i]);
            const long double z = sigmoid_of(of_x[size + i] + of_h[size + i]);
            const std::size_t n = 2 * size + i;
            const long double inside =
                layer.options.reset == GRUReset::after ? r * (of_h[n] + (layer.bias_n ? (*layer.bias_n)(i) : 0)) : of_reset[n];
            h[i] = (1 - z) * std::tanh(of_x[n] + inside) + z * h[i];
        }
    });
}

}  // namespace

}  // namespace nn::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    using namespace nn;
    using namespace nn::fuzz;
    using namespace nn::ops;
    constexpr void (*kinds[])(Draw&) = {
        pool<1, MaxPooling>,
        pool<2, MaxPooling>,
        pool<1, MinPooling>,
        pool<1, AvgPooling>,
        pool<2, AvgPooling>,
        adaptive_pool<1, AvgPooling>,
        adaptive_pool<2, MaxPooling>,
        global_pool<1, AvgPooling>,
        global_pool<2, MaxPooling>,
        fuzz::pixel_shuffle<1>,
        fuzz::pixel_shuffle<2>,
        fuzz::layer_norm<LayerNorm<float, 1>, 1, LayerNormOptions>,
        fuzz::layer_norm<LayerNorm<float, 2>, 2, LayerNormOptions>,
        fuzz::layer_norm<RMSNorm<float, 1>, 1, RMSNormOptions>,
        fuzz::layer_norm<RMSNorm<float, 2>, 2, RMSNormOptions>,
        fuzz::group_norm<0>,
        fuzz::group_norm<1>,
        fuzz::batch_norm<0, false>,
        fuzz::batch_norm<1, false>,
        fuzz::batch_norm<1, true>,
        fuzz::local_response_norm<1>,
        softmax_row,
        fuzz::dropout,
        fuzz::linear,
        fuzz::embed,
        fuzz::lstm<LSTM<float>>,
        fuzz::gru<GRU<float>>,
        fuzz::lstm<LSTMCell<float>>,
        fuzz::gru<GRUCell<float>>,
    };
    Draw draw(bytes, count);
    kinds[draw.byte() % std::size(kinds)](draw);
    return 0;
}
