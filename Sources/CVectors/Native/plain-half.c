// For processors that have none of the others' instructions.
#define NATIVE_WIDTH 4
#define NATIVE_ROWS 4
#define NATIVE_VECTORS 1
#define NATIVE_HALF
#include "half.h"
NATIVE_HALF_KERNELS(plain);
