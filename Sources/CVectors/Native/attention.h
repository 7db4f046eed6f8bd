// Attention block by block (Dao et al. 2022): of the weights only those of a block of queries to a block of keys are ever there.
#pragma once
#include "draws.h"
#include "functions.h"
#include "products.h"
#include "rows.h"

// A block's keys fill whole panels of every width; its queries, whole tiles.
enum { block_queries = 24, block_keys = 96 };

// One head of one sequence, with factors as products read them.
struct head {
  size_t sequence, number;
  const int32_t *limits;
  const float *mask;
  ptrdiff_t mask_step;
  const float *queries, *keys_panels;
  ptrdiff_t query_step;
};

INLINE const float *head_of(const struct native_heads *heads, size_t sequence, size_t head) {
  return heads->data + (ptrdiff_t)sequence * heads->sequence_step + (ptrdiff_t)head * heads->head_step;
}

// Steps as a right factor: where they lie, or in `aside` if their last vector is not whole. Moves `aside` on.
static struct native_panels steps_of(
    const struct native_heads *heads, size_t sequence, size_t head, size_t steps, size_t extent, float **aside) {
  const float *from = head_of(heads, sequence, head);
  if (extent % width == 0) return (struct native_panels){from, columns, (size_t)heads->row_step};
  size_t wide = whole_vectors(extent);
  float *to = *aside;
  for (size_t row = 0; row < steps; row++) {
    memcpy(to + row * wide, from + (ptrdiff_t)row * heads->row_step, extent * sizeof(float));
    memset(to + row * wide + extent, 0, (wide - extent) * sizeof(float));
  }
  *aside += steps * wide;
  return (struct native_panels){to, columns, wide};
}

// Steps turned to panels, whose columns they are.
static const float *turned_steps(
    const struct native_heads *heads, size_t sequence, size_t head, size_t steps, size_t extent, float *panels) {
  struct native_matrix turned = {head_of(heads, sequence, head), 1, heads->row_step};
  pack(extent, steps, turned, panels);
  return panels;
}

static struct head head_at(const struct native_attention *shape, size_t sequence, size_t number, const float *keys_panels) {
  struct head head = {.sequence = sequence, .number = number, .keys_panels = keys_panels};
  head.limits = shape->limits + sequence * shape->query_count;
  head.mask = shape->mask.data ? head_of(&shape->mask, sequence, number) : NULL;
  head.mask_step = shape->mask.row_step;
  head.queries = head_of(&shape->queries, sequence, number);
  head.query_step = shape->queries.row_step;
  return head;
}

// How many keys the queries of a block may see, the one that sees most.
static size_t keys_seen(const struct head *head, size_t first, size_t height) {
  int32_t most = 0;
  for (size_t i = 0; i < height; i++)
    if (head->limits[first + i] > most) most = head->limits[first + i];
  return (size_t)most;
}
INLINE size_t seen_of_block(const struct head *head, size_t query, size_t first_key, size_t count) {
  size_t limit = (size_t)head->limits[query];
  if (limit <= first_key) return 0;
  return limit - first_key < count ? limit - first_key : count;
}

// `scores = queries · keys`, of `height` queries and `count` keys; behind them to the end of the last vector what nobody reads.
static void score_block(
    const struct native_attention *shape, const struct head *head, size_t query, size_t height, size_t key, size_t count,
    float *scores) {
  struct native_matrix left = {head->queries + (ptrdiff_t)query * head->query_step, head->query_step, 1};
  struct native_panels right = {head->keys_panels + key * shape->extent, shape->extent * columns, columns};
  multiply_block(height, whole_vectors(count), shape->extent, left, right, scores, block_keys, 0);
}

// A row's scores, scaled and with what the mask adds, in place; and the largest, or `most` if that is.
static float scaled_row(
    const struct native_attention *shape, const struct head *head, size_t query, size_t key, size_t count, float *scores,
    float most) {
  const float *mask = head->mask ? head->mask + (ptrdiff_t)query * head->mask_step + key : NULL;
  vector top = all(most), scale = all(shape->scale);
  for (size_t at = 0; at < count; at += width) {
    size_t some = count - at < width ? count - at : width;
    vector value = load(scores + at) * scale;
    if (mask) value += load_some(mask + at, some);
    store(scores + at, value);
    if (some < width) value = joined(value, top, some);
    top = choose(value > top, value, top);
  }
  for (int lane = 0; lane < width; lane++) most = top[lane] > most ? top[lane] : most;
  // Of zeros of both signs it is plus.
  return most + 0;
}

// `exp(score - most)` in place, zeros up to `end`; their sum. Where all scores are masked there is no largest, and all are 0.
static float powers_of_row(size_t count, size_t end, float most, float *scores) {
  vector part[sum_vectors] = {}, shift = all(most == -INFINITY ? 0 : most);
  for (size_t start = 0; start < count; start += partial_sums)
    for (size_t v = 0, at = start; v < sum_vectors; v++, at += width) {
      vector value = {};
      if (at + width <= count)
        value = exp_32(load(scores + at) - shift);
      else if (at < count)
        value = joined(exp_32(joined(load(scores + at) - shift, value, count - at)), value, count - at);
      store(scores + at, value);
      part[v] += value;
    }
  size_t done = (count + partial_sums - 1) / partial_sums * partial_sums;
  if (done < end) memset(scores + done, 0, (end - done) * sizeof(float));
  return folded(part);
}

static void drop_weights(
    const struct native_attention *shape, const struct head *head, size_t query, size_t key, size_t count, float *weights) {
  float kept[block_keys] __attribute__((aligned(64)));
  size_t row = head->number * shape->query_count + query, groups = (shape->key_count + draw_group - 1) / draw_group;
  draw_row(shape->draws + head->sequence, row, groups, key, count, kept);
  for (size_t j = 0; j < count; j++) weights[j] *= kept[j];
}

// What a row has come to: the largest score, and the sum of the powers above it.
struct row_state {
  float most, sum;
};

// Weights of a block in place of its scores. What the rows' results add up to so far shrinks by e^(old largest - new largest).
static void weigh_block(
    const struct native_attention *shape, const struct head *head, size_t query, size_t height, size_t key, size_t count,
    float *scores, struct row_state *states, float *results, size_t result_step) {
  for (size_t i = 0; i < height; i++, scores += block_keys, results += result_step) {
    size_t seen = seen_of_block(head, query + i, key, count);
    struct row_state *state = states + i;
    float most = scaled_row(shape, head, query + i, key, seen, scores, state->most);
    if (seen == 0) {
      memset(scores, 0, count * sizeof(float));
      continue;
    }
    float sum = powers_of_row(seen, count, most, scores);
    // A first block has nothing to shrink.
    float shrunk = state->most == most ? 1 : exp_32(all(state->most - most))[0];
    state->sum = __builtin_fmaf(state->sum, shrunk, sum);
    state->most = most;
    if (shrunk != 1 && key > 0)
      for (size_t d = 0; d < result_step; d += width) store(results + d, load(results + d) * all(shrunk));
    if (shape->draws) drop_weights(shape, head, query + i, key, seen, scores);
  }
}

static void attend_block(
    const struct native_attention *shape, const struct head *head, struct native_panels values, size_t query, size_t height,
    float *results) {
  float scores[block_queries * block_keys] __attribute__((aligned(64)));
  struct row_state states[block_queries];
  size_t wide = whole_vectors(shape->value_extent), keys = keys_seen(head, query, height);
  for (size_t i = 0; i < height; i++) states[i] = (struct row_state){.most = -INFINITY, .sum = 0};
  for (size_t key = 0; key < keys; key += block_keys) {
    size_t count = keys - key < block_keys ? keys - key : block_keys;
    score_block(shape, head, query, height, key, count, scores);
    weigh_block(shape, head, query, height, key, count, scores, states, results, wide);
    struct native_matrix weights = {scores, block_keys, 1};
    struct native_panels block = {values.data + key * values.row_step, values.panel_step, values.row_step};
    multiply_block(height, wide, count, weights, block, results, wide, key > 0);
  }
  size_t place = (head->sequence * shape->head_count + head->number) * shape->query_count + query;
  float *output = (float *)head_of(&shape->output, head->sequence, head->number) + (ptrdiff_t)query * shape->output.row_step;
  for (size_t i = 0; i < height; i++, output += shape->output.row_step, results += wide) {
    shape->largest[place + i] = states[i].most;
    shape->sums[place + i] = states[i].sum;
    if (states[i].sum == 0)
      memset(output, 0, shape->value_extent * sizeof(float));
    else
      for (size_t d = 0; d < shape->value_extent; d += width) {
        size_t some = shape->value_extent - d < width ? shape->value_extent - d : width;
        store_some(output + d, load(results + d) / all(states[i].sum), some);
      }
  }
}

static size_t attend_scratch_count(const struct native_attention *shape) {
  size_t panels = (shape->key_count + columns - 1) / columns * columns * shape->extent;
  return panels + whole_vectors(shape->value_extent) * (shape->key_count + block_queries) + width;
}

// Parts share the blocks of queries of all heads.
static void attend(const struct native_attention *shape, float *scratch, size_t part, size_t parts) {
  size_t blocks = (shape->query_count + block_queries - 1) / block_queries, all_blocks = shape->batch * shape->head_count * blocks;
  size_t panels_count = (shape->key_count + columns - 1) / columns * columns * shape->extent, known = SIZE_MAX;
  float *results = scratch + panels_count;
  struct native_panels values = {scratch, 0, 0};
  for (size_t unit = part * all_blocks / parts; unit < (part + 1) * all_blocks / parts; unit++) {
    size_t number = unit / blocks, query = unit % blocks * block_queries;
    size_t sequence = number / shape->head_count, head = number % shape->head_count;
    if (number != known) {
      float *aside = results + block_queries * whole_vectors(shape->value_extent);
      turned_steps(&shape->keys, sequence, head, shape->key_count, shape->extent, scratch);
      values = steps_of(&shape->values, sequence, head, shape->key_count, shape->value_extent, &aside);
      known = number;
    }
    struct head one = head_at(shape, sequence, head, scratch);
    size_t height = shape->query_count - query < block_queries ? shape->query_count - query : block_queries;
    attend_block(shape, &one, values, query, height, results);
  }
}
