#if defined(__aarch64__)
#define NATIVE_WIDTH 4
#define NATIVE_ROWS 8
#define NATIVE_VECTORS 3
#define NATIVE_HALF
#include "half.h"
NATIVE_HALF_KERNELS(neon);
#endif
