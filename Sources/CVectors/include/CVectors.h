#pragma once

#include <stddef.h>

#include "Native.h"

// What the Swift compiler can't be told: loops for memory that one core writes and another one reads next. Ordinary stores would fetch
// its lines from the other core's cache first, which takes several times as long as the copying.

/// Copies floats past this core's cache.
void vectors_stream(float *target, const float *source, size_t count);

/// sum = left + right, and the same to `copy` past this core's cache. `sum` may be `left` or `right`.
void vectors_add_and_stream(float *sum, float *copy, const float *left, const float *right, size_t count);

/// What was stored past the cache is seen by others before anything that is stored from here on.
void vectors_publish(void);

/// Asks for memory that will be read soon, and waits for none of it.
void vectors_fetch(const void *memory, size_t byte_count);
