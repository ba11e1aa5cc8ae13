// SPDX-License-Identifier: MIT
#pragma once

// What nn reads of other packages (nn/kernels/gemm.hpp, nn/tensor.hpp, nn/io/safetensors_header.hpp), to be read once for many files.

#include <Eigen/Core>
#include <nlohmann/json.hpp>
#if __has_include(<xtensor/containers/xtensor.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>
#endif
