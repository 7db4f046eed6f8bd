#include <stdint.h>
#include <string.h>

#include "CVectors.h"

// As wide as every processor of the baseline has them; four fill a cache line.
typedef float vector __attribute__((vector_size(16)));
enum { width = sizeof(vector) / sizeof(float) };

static inline vector load(const float *from) {
  vector value;
  memcpy(&value, from, sizeof value);
  return value;
}

static inline void store_past_cache(float *to, vector value) { __builtin_nontemporal_store(value, (vector *)to); }

// Elements before `target` is aligned to a vector.
static inline size_t head(const float *target, size_t count) {
  size_t odd = (uintptr_t)target % sizeof(vector) / sizeof(float);
  size_t elements = odd == 0 ? 0 : width - odd;
  return elements < count ? elements : count;
}

void vectors_stream(float *target, const float *source, size_t count) {
  size_t i = 0;
  for (size_t first = head(target, count); i < first; i++) target[i] = source[i];
  for (; i + 4 * width <= count; i += 4 * width)
    for (size_t part = 0; part < 4 * width; part += width) store_past_cache(target + i + part, load(source + i + part));
  for (; i < count; i++) target[i] = source[i];
}

void vectors_add_and_stream(float *sum, float *copy, const float *left, const float *right, size_t count) {
  size_t i = 0;
  for (size_t first = head(copy, count); i < first; i++) copy[i] = sum[i] = left[i] + right[i];
  for (; i + 4 * width <= count; i += 4 * width)
    for (size_t part = 0; part < 4 * width; part += width) {
      vector value = load(left + i + part) + load(right + i + part);
      memcpy(sum + i + part, &value, sizeof value);
      store_past_cache(copy + i + part, value);
    }
  for (; i < count; i++) copy[i] = sum[i] = left[i] + right[i];
}

void vectors_publish(void) {
#if defined(__SSE2__)
  __builtin_ia32_sfence();
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

void vectors_fetch(const void *memory, size_t byte_count) {
  enum { line = 64 };
  for (size_t i = 0; i < byte_count; i += line) __builtin_prefetch((const char *)memory + i);
}
