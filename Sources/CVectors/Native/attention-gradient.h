// Attention's derivatives, by blocks whose weights are computed once more.
#pragma once
#include "attention.h"

// A head's factors beside the turned keys.
struct factors {
  const float *value_panels;
  struct native_panels queries, keys, gradients;
};

// Of a row: the weights in place of the scores, and in place of the products of gradients and values the derivatives of the
// products of queries and keys.
static void derive_row(
    const struct native_attention *shape, const struct head *head, size_t query, size_t key, size_t count, float *weights,
    float *derivatives) {
  size_t place = (head->sequence * shape->head_count + head->number) * shape->query_count + query;
  size_t seen = seen_of_block(head, query, key, count);
  float sum = shape->sums[place];
  if (seen == 0 || sum == 0) {
    memset(weights, 0, count * sizeof(float));
    memset(derivatives, 0, count * sizeof(float));
    return;
  }
  scaled_row(shape, head, query, key, seen, weights, -INFINITY);
  powers_of_row(seen, count, shape->largest[place], weights);
  float kept[block_keys] __attribute__((aligned(64)));
  if (shape->draws) {
    for (size_t j = 0; j < seen; j++) kept[j] = 1;
    drop_weights(shape, head, query, key, seen, kept);
  }
  vector share = all(1 / sum), even = all(shape->products[place]), scale = all(shape->scale);
  for (size_t at = 0; at < seen; at += width) {
    size_t some = seen - at < width ? seen - at : width;
    vector weight = load(weights + at) * share, derivative = load(derivatives + at), passed = weight;
    if (shape->draws) {
      vector stays = load_some(kept + at, some);
      derivative *= stays;
      passed = weight * stays;
    }
    derivative = weight * (derivative - even) * scale;
    if (some < width) {
      passed = joined(passed, (vector){}, some);
      derivative = joined(derivative, (vector){}, some);
    }
    store(weights + at, passed);
    store(derivatives + at, derivative);
  }
  size_t done = whole_vectors(seen);
  if (done < count) memset(derivatives + done, 0, (count - done) * sizeof(float));
}

static void derive_block(
    const struct native_attention *shape, const struct head *head, const struct factors *factors, size_t query, size_t height,
    float *of_queries, float *of_keys, float *of_values) {
  float weights[block_queries * block_keys] __attribute__((aligned(64)));
  float derivatives[block_queries * block_keys] __attribute__((aligned(64)));
  const struct native_heads *gradient = &shape->output_gradient;
  const float *own = head_of(gradient, head->sequence, head->number) + (ptrdiff_t)query * gradient->row_step;
  size_t keys = keys_seen(head, query, height), query_step = (size_t)shape->queries_gradient.row_step;
  size_t key_step = (size_t)shape->keys_gradient.row_step, value_step = (size_t)shape->values_gradient.row_step;
  of_queries += query * query_step;
  for (size_t i = 0; keys == 0 && i < height; i++) memset(of_queries + i * query_step, 0, shape->extent * sizeof(float));
  for (size_t key = 0; key < keys; key += block_keys) {
    size_t count = keys - key < block_keys ? keys - key : block_keys;
    score_block(shape, head, query, height, key, count, weights);
    struct native_panels values = {
        factors->value_panels + key * shape->value_extent, shape->value_extent * columns, columns};
    multiply_block(
        height, whole_vectors(count), shape->value_extent, (struct native_matrix){own, gradient->row_step, 1}, values,
        derivatives, block_keys, 0);
    for (size_t i = 0; i < height; i++)
      derive_row(shape, head, query + i, key, count, weights + i * block_keys, derivatives + i * block_keys);
    struct native_panels queries = factors->queries, gradients = factors->gradients, block = factors->keys;
    queries.data += query * queries.row_step;
    gradients.data += query * gradients.row_step;
    block.data += key * block.row_step;
    multiply_block(
        count, shape->value_extent, height, (struct native_matrix){weights, 1, block_keys}, gradients,
        of_values + key * value_step, value_step, 1);
    multiply_block(
        count, shape->extent, height, (struct native_matrix){derivatives, 1, block_keys}, queries, of_keys + key * key_step,
        key_step, 1);
    multiply_block(
        height, shape->extent, count, (struct native_matrix){derivatives, block_keys, 1}, block, of_queries, query_step, key > 0);
  }
}

// Σ gradient · output of each query: what its weights' derivatives have in common.
static void common_shares(const struct native_attention *shape, size_t sequence, size_t head) {
  const float *gradient = head_of(&shape->output_gradient, sequence, head), *output = head_of(&shape->output, sequence, head);
  float *products = shape->products + (sequence * shape->head_count + head) * shape->query_count;
  for (size_t i = 0; i < shape->query_count; i++) {
    SUM_ROW(product, shape->value_extent, fused(load_some(gradient + at, some), load_some(output + at, some), sum))
    products[i] = (float)product;
    gradient += shape->output_gradient.row_step;
    output += shape->output.row_step;
  }
}

static size_t attend_back_scratch_count(const struct native_attention *shape) {
  size_t across = (shape->key_count + columns - 1) / columns * columns;
  size_t wide = whole_vectors(shape->extent), value_wide = whole_vectors(shape->value_extent);
  return across * (shape->extent + shape->value_extent) + (shape->query_count + shape->key_count) * wide +
         shape->query_count * value_wide + width;
}

// Parts share the heads of all sequences.
static void attend_back(const struct native_attention *shape, float *scratch, size_t part, size_t parts) {
  size_t heads = shape->batch * shape->head_count, across = (shape->key_count + columns - 1) / columns * columns;
  for (size_t number = part * heads / parts; number < (part + 1) * heads / parts; number++) {
    size_t sequence = number / shape->head_count, head = number % shape->head_count;
    float *value_panels = scratch + across * shape->extent, *aside = value_panels + across * shape->value_extent;
    turned_steps(&shape->keys, sequence, head, shape->key_count, shape->extent, scratch);
    turned_steps(&shape->values, sequence, head, shape->key_count, shape->value_extent, value_panels);
    struct factors factors = {.value_panels = value_panels};
    factors.queries = steps_of(&shape->queries, sequence, head, shape->query_count, shape->extent, &aside);
    factors.keys = steps_of(&shape->keys, sequence, head, shape->key_count, shape->extent, &aside);
    factors.gradients = steps_of(&shape->output_gradient, sequence, head, shape->query_count, shape->value_extent, &aside);
    struct head one = head_at(shape, sequence, head, scratch);
    float *of_queries = (float *)head_of(&shape->queries_gradient, sequence, head);
    float *of_keys = (float *)head_of(&shape->keys_gradient, sequence, head);
    float *of_values = (float *)head_of(&shape->values_gradient, sequence, head);
    for (size_t key = 0; key < shape->key_count; key++) {
      memset(of_keys + (ptrdiff_t)key * shape->keys_gradient.row_step, 0, shape->extent * sizeof(float));
      memset(of_values + (ptrdiff_t)key * shape->values_gradient.row_step, 0, shape->value_extent * sizeof(float));
    }
    common_shares(shape, sequence, head);
    for (size_t query = 0; query < shape->query_count; query += block_queries) {
      size_t height = shape->query_count - query < block_queries ? shape->query_count - query : block_queries;
      derive_block(shape, &one, &factors, query, height, of_queries, of_keys, of_values);
    }
  }
}
