#include <string.h>

#include "Native.h"

extern const struct native_kernels native_avx512, native_avx2, native_neon, native_plain;
extern const struct native_half_kernels native_half_avx512, native_half_avx2, native_half_neon, native_half_plain;

const struct native_kernels *native_kernels_named(const char *name) {
#if defined(__x86_64__)
  if (strcmp(name, "avx512") == 0)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl")
               ? &native_avx512
               : NULL;
  if (strcmp(name, "avx2") == 0)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &native_avx2 : NULL;
#elif defined(__aarch64__)
  if (strcmp(name, "neon") == 0) return &native_neon;
#endif
  return strcmp(name, "plain") == 0 ? &native_plain : NULL;
}

const struct native_kernels *native_plain_kernels(void) { return &native_plain; }

const struct native_half_kernels *native_half_kernels_named(const char *name) {
  if (native_kernels_named(name) == NULL) return NULL;
#if defined(__x86_64__)
  if (strcmp(name, "avx512") == 0 && __builtin_cpu_supports("avx512bf16")) return &native_half_avx512;
  if (strcmp(name, "plain") != 0) return &native_half_avx2;
#elif defined(__aarch64__)
  if (strcmp(name, "neon") == 0) return &native_half_neon;
#endif
  return &native_half_plain;
}

const struct native_half_kernels *native_plain_half_kernels(void) { return &native_half_plain; }
