// All kernels of an instruction set, whose name and vectors the including file has given.
#pragma once
#include "products.h"

#define NATIVE_KERNELS(isa) \
  const struct native_kernels native_##isa = {.name = #isa, .columns = columns, .pack = pack, .multiply = multiply}
