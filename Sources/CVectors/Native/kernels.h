// All kernels of an instruction set, whose name and vectors the including file has given.
#pragma once
#include "convolutions.h"
#include "functions.h"
#include "products.h"

#define NATIVE_KERNELS(isa)                                                                               \
  const struct native_kernels native_##isa = {                                                            \
      .name = #isa, .width = width, .columns = columns, .pack = pack, .multiply = multiply,               \
      .apply = apply, .apply_64 = apply_64, .power = power, .power_64 = power_64,                         \
      .pack_convolution = pack_convolution, .convolve = convolve, .convolve_back = convolve_back}
