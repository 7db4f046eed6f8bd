// For processors that have none of the others' instructions: `fmaf` of the C library, which is slow and right.
#define NATIVE_WIDTH 4
#define NATIVE_ROWS 4
#define NATIVE_VECTORS 1
#include "kernels.h"
NATIVE_KERNELS(plain);
