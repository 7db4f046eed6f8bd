#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)
#define NATIVE_WIDTH 16
#define NATIVE_ROWS 8
#define NATIVE_VECTORS 3
#define NATIVE_HALF
#define NATIVE_DOTS
#include "half.h"
NATIVE_HALF_KERNELS(avx512);
#pragma clang attribute pop
#endif
