// All kernels of an instruction set, whose name and vectors the including file has given.
#pragma once
#include "attention-gradient.h"
#include "averages.h"
#include "channels.h"
#include "functions.h"
#include "gates.h"
#include "products.h"
#include "rows.h"
#include "smooth.h"
#include "weights.h"
#include "winograd-gradient.h"
#include "winograd.h"

#define NATIVE_KERNELS(isa)                                                                               \
  const struct native_kernels native_##isa = {                                                            \
      .name = #isa, .width = width, .columns = columns, .pack = pack, .multiply = multiply,               \
      .apply = apply, .apply_64 = apply_64, .power = power, .power_64 = power_64,                         \
      .pack_convolution = pack_convolution, .convolve = convolve, .convolve_back = convolve_back,         \
      .convolve_weights_scratch_count = convolve_weights_scratch_count,                                   \
      .convolve_weights = convolve_weights,                                                               \
      .pool_maximum = pool_maximum, .pool_maximum_back = pool_maximum_back,                               \
      .pool_average = pool_average, .pool_average_back = pool_average_back,                               \
      .winograd_pack = winograd_pack, .winograd_scratch_count = winograd_scratch_count,                   \
      .winograd_convolve = winograd_convolve,                                                             \
      .winograd_gradient_scratch_count = winograd_gradient_scratch_count,                                 \
      .winograd_weights_gradient = winograd_weights_gradient,                                             \
      .smooth = smooth, .smooth_back = smooth_back, .normalize_rows = normalize_rows,                     \
      .normalize_rows_back = normalize_rows_back, .normalize_rows_sums = normalize_rows_sums,             \
      .attend_scratch_count = attend_scratch_count, .attend = attend,                                     \
      .attend_back_scratch_count = attend_back_scratch_count, .attend_back = attend_back,         \
      .channels_moments = channels_moments, .channels_affine = channels_affine,                            \
      .channels_gradient_sums = channels_gradient_sums, .channels_gradient = channels_gradient,            \
      .draw_uniform = draw_uniform, .pixel_values = pixel_values,                                          \
      .gru = gru, .gru_back = gru_back, .lstm = lstm, .lstm_back = lstm_back, .elman_back = elman_back,   \
  }
