#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define NATIVE_WIDTH 8
#define NATIVE_ROWS 6
#define NATIVE_VECTORS 2
#define NATIVE_HALF
#include "half.h"
NATIVE_HALF_KERNELS(avx2);
#pragma clang attribute pop
#endif
