// One C face for oneDNN 2.x and 3.x, whose APIs differ: 2.x describes an operation by a struct and memory by value,
// 3.x creates primitive descriptors directly and memory descriptors on the heap. Swift sees only what stands here.
#pragma once
#include <oneapi/dnnl/dnnl.h>

/// A memory descriptor: a plain value in 2.x, an owned handle in 3.x. A struct around either is one type to Swift.
typedef struct {
  dnnl_memory_desc_t value;
} lockstep_memory_desc;

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t lockstep_memory_desc_ref;
#define LOCKSTEP_REF(desc) ((lockstep_memory_desc_ref)(desc)->value)
#else
typedef const dnnl_memory_desc_t *lockstep_memory_desc_ref;
#define LOCKSTEP_REF(desc) (&(desc)->value)
#endif

static inline int lockstep_dnnl_major(void) { return dnnl_version()->major; }
static inline int lockstep_dnnl_minor(void) { return dnnl_version()->minor; }
static inline int lockstep_dnnl_patch(void) { return dnnl_version()->patch; }

/// How many float32 one vector instruction takes on this processor.
static inline int lockstep_vector_lanes(void) {
  return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core ? 16 : 8;
}

/// Whether it multiplies bfloat16.
static inline int lockstep_has_bf16(void) {
  return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

/// A memory descriptor; `strides` NULL leaves the layout to the primitive.
static inline dnnl_status_t lockstep_desc_init(
    lockstep_memory_desc *desc, int rank, const int64_t *dims, const int64_t *strides, dnnl_data_type_t type) {
#if DNNL_VERSION_MAJOR >= 3
  return strides ? dnnl_memory_desc_create_with_strides(&desc->value, rank, dims, type, strides)
                 : dnnl_memory_desc_create_with_tag(&desc->value, rank, dims, type, dnnl_format_tag_any);
#else
  return strides ? dnnl_memory_desc_init_by_strides(&desc->value, rank, dims, type, strides)
                 : dnnl_memory_desc_init_by_tag(&desc->value, rank, dims, type, dnnl_format_tag_any);
#endif
}

/// Four axes, the second in blocks of 16.
static inline dnnl_status_t lockstep_desc_init_blocked(
    lockstep_memory_desc *desc, const int64_t *dims, dnnl_data_type_t type) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_memory_desc_create_with_tag(&desc->value, 4, dims, type, dnnl_nChw16c);
#else
  return dnnl_memory_desc_init_by_tag(&desc->value, 4, dims, type, dnnl_nChw16c);
#endif
}

static inline void lockstep_desc_destroy(lockstep_memory_desc *desc) {
#if DNNL_VERSION_MAJOR >= 3
  dnnl_memory_desc_destroy(desc->value);
#else
  (void)desc;
#endif
}

/// Scratch memory comes from the caller. oneDNN's own belongs to the thread that made a primitive: run on another
/// thread, the primitive would write to that one's, which may be too small or not there at all.
static inline dnnl_primitive_attr_t lockstep_attributes(void) {
  dnnl_primitive_attr_t attributes = NULL;
  if (dnnl_primitive_attr_create(&attributes) != dnnl_success) return NULL;
  dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
  return attributes;
}

/// The layout that a primitive chose for one of its arguments; valid as long as the primitive descriptor lives.
static inline dnnl_memory_t lockstep_memory_for(
    const_dnnl_primitive_desc_t primitive, dnnl_query_t what, int index, dnnl_engine_t engine, void *data) {
  dnnl_memory_t memory = NULL;
  lockstep_memory_desc_ref desc = dnnl_primitive_desc_query_md(primitive, what, index);
  if (desc == NULL || dnnl_memory_create(&memory, desc, engine, data) != dnnl_success) return NULL;
  return memory;
}

static inline dnnl_memory_t lockstep_memory(const lockstep_memory_desc *desc, dnnl_engine_t engine, void *data) {
  dnnl_memory_t memory = NULL;
  return dnnl_memory_create(&memory, LOCKSTEP_REF(desc), engine, data) == dnnl_success ? memory : NULL;
}

/// Whether the primitive wants its argument in exactly the layout of `desc`.
static inline int lockstep_layout_is(
    const_dnnl_primitive_desc_t primitive, dnnl_query_t what, const lockstep_memory_desc *desc) {
  lockstep_memory_desc_ref wanted = dnnl_primitive_desc_query_md(primitive, what, 0);
  return wanted != NULL && dnnl_memory_desc_equal(wanted, LOCKSTEP_REF(desc));
}

/// A copy from one layout to another.
static inline dnnl_primitive_desc_t lockstep_copy_between(
    lockstep_memory_desc_ref source, lockstep_memory_desc_ref target, dnnl_engine_t engine) {
  dnnl_primitive_desc_t copy = NULL;
  dnnl_primitive_attr_t attributes = lockstep_attributes();
  dnnl_status_t status = dnnl_reorder_primitive_desc_create(&copy, source, engine, target, engine, attributes);
  dnnl_primitive_attr_destroy(attributes);
  return status == dnnl_success ? copy : NULL;
}

static inline dnnl_primitive_desc_t lockstep_copy(
    const lockstep_memory_desc *source, const lockstep_memory_desc *target, dnnl_engine_t engine) {
  return lockstep_copy_between(LOCKSTEP_REF(source), LOCKSTEP_REF(target), engine);
}

/// A copy between the layout of `desc` and the one that a primitive chose.
static inline dnnl_primitive_desc_t lockstep_reorder(
    const lockstep_memory_desc *desc, const_dnnl_primitive_desc_t primitive, dnnl_query_t what, int from_desc,
    dnnl_engine_t engine) {
  lockstep_memory_desc_ref own = LOCKSTEP_REF(desc), other = dnnl_primitive_desc_query_md(primitive, what, 0);
  return from_desc ? lockstep_copy_between(own, other, engine) : lockstep_copy_between(other, own, engine);
}

enum lockstep_pass { lockstep_forward = 0, lockstep_backward_input = 1, lockstep_backward_weights = 2 };

static inline void lockstep_append_relu(dnnl_primitive_attr_t attributes) {
  dnnl_post_ops_t operations = NULL;
  if (dnnl_post_ops_create(&operations) != dnnl_success) return;
#if DNNL_VERSION_MAJOR >= 3
  dnnl_post_ops_append_eltwise(operations, dnnl_eltwise_relu, 0, 0);
#else
  dnnl_post_ops_append_eltwise(operations, 1, dnnl_eltwise_relu, 0, 0);
#endif
  dnnl_primitive_attr_set_post_ops(attributes, operations);
  dnnl_post_ops_destroy(operations);
}

/// Convolution: descriptors of input, weights, bias (NULL for none) and output, or of their gradients.
/// Dilation counts from 0 (dense). A forward pass may end with a ReLU. Backward passes take the forward descriptor as a hint.
static inline dnnl_primitive_desc_t lockstep_convolution(
    enum lockstep_pass pass, dnnl_alg_kind_t algorithm, const lockstep_memory_desc *input, const lockstep_memory_desc *weights,
    const lockstep_memory_desc *bias, const lockstep_memory_desc *output, const int64_t *strides,
    const int64_t *dilations, const int64_t *padding, int then_relu, const_dnnl_primitive_desc_t hint,
    dnnl_engine_t engine) {
  dnnl_primitive_attr_t attributes = lockstep_attributes();
  if (then_relu) lockstep_append_relu(attributes);
  dnnl_primitive_desc_t result = NULL;
  dnnl_status_t status;
  lockstep_memory_desc_ref input_ref = LOCKSTEP_REF(input), weights_ref = LOCKSTEP_REF(weights);
  lockstep_memory_desc_ref bias_ref = bias ? LOCKSTEP_REF(bias) : NULL, output_ref = LOCKSTEP_REF(output);
#if DNNL_VERSION_MAJOR >= 3
  if (pass == lockstep_forward)
    status = dnnl_convolution_forward_primitive_desc_create(
        &result, engine, dnnl_forward_training, algorithm, input_ref, weights_ref, bias_ref, output_ref, strides,
        dilations, padding, padding, attributes);
  else if (pass == lockstep_backward_input)
    status = dnnl_convolution_backward_data_primitive_desc_create(
        &result, engine, algorithm, input_ref, weights_ref, output_ref, strides, dilations, padding, padding, hint,
        attributes);
  else
    status = dnnl_convolution_backward_weights_primitive_desc_create(
        &result, engine, algorithm, input_ref, weights_ref, bias_ref, output_ref, strides, dilations, padding, padding,
        hint, attributes);
#else
  dnnl_convolution_desc_t desc;
  if (pass == lockstep_forward)
    status = dnnl_dilated_convolution_forward_desc_init(
        &desc, dnnl_forward_training, algorithm, input_ref, weights_ref, bias_ref, output_ref, strides, dilations,
        padding, padding);
  else if (pass == lockstep_backward_input)
    status = dnnl_dilated_convolution_backward_data_desc_init(
        &desc, algorithm, input_ref, weights_ref, output_ref, strides, dilations, padding, padding);
  else
    status = dnnl_dilated_convolution_backward_weights_desc_init(
        &desc, algorithm, input_ref, weights_ref, bias_ref, output_ref, strides, dilations,
        padding, padding);
  if (status == dnnl_success) status = dnnl_primitive_desc_create(&result, &desc, attributes, engine, hint);
#endif
  dnnl_primitive_attr_destroy(attributes);
  return status == dnnl_success ? result : NULL;
}

/// Pooling of `input` to `output`, or of their gradients (`hint` is the forward descriptor).
static inline dnnl_primitive_desc_t lockstep_pooling(
    int backward, dnnl_alg_kind_t algorithm, const lockstep_memory_desc *input, const lockstep_memory_desc *output,
    const int64_t *strides, const int64_t *kernel, const int64_t *padding_before, const int64_t *padding_after,
    const_dnnl_primitive_desc_t hint, dnnl_engine_t engine) {
  dnnl_primitive_attr_t attributes = lockstep_attributes();
  dnnl_primitive_desc_t result = NULL;
  dnnl_status_t status;
  lockstep_memory_desc_ref input_ref = LOCKSTEP_REF(input), output_ref = LOCKSTEP_REF(output);
#if DNNL_VERSION_MAJOR >= 3
  const int64_t dense[2] = {0, 0};
  if (backward)
    status = dnnl_pooling_backward_primitive_desc_create(
        &result, engine, algorithm, input_ref, output_ref, strides, kernel, dense, padding_before, padding_after, hint,
        attributes);
  else
    status = dnnl_pooling_forward_primitive_desc_create(
        &result, engine, dnnl_forward_training, algorithm, input_ref, output_ref, strides, kernel, dense,
        padding_before, padding_after, attributes);
#else
  dnnl_pooling_desc_t desc;
  if (backward)
    status = dnnl_pooling_backward_desc_init(
        &desc, algorithm, input_ref, output_ref, strides, kernel, padding_before, padding_after);
  else
    status = dnnl_pooling_forward_desc_init(
        &desc, dnnl_forward_training, algorithm, input_ref, output_ref, strides, kernel, padding_before, padding_after);
  if (status == dnnl_success) status = dnnl_primitive_desc_create(&result, &desc, attributes, engine, hint);
#endif
  dnnl_primitive_attr_destroy(attributes);
  return status == dnnl_success ? result : NULL;
}

/// An element by element function on `desc`.
static inline dnnl_primitive_desc_t lockstep_elementwise(
    dnnl_alg_kind_t algorithm, const lockstep_memory_desc *desc, dnnl_engine_t engine) {
  dnnl_primitive_attr_t attributes = lockstep_attributes();
  dnnl_primitive_desc_t result = NULL;
  dnnl_status_t status;
#if DNNL_VERSION_MAJOR >= 3
  status = dnnl_eltwise_forward_primitive_desc_create(
      &result, engine, dnnl_forward_inference, algorithm, LOCKSTEP_REF(desc), LOCKSTEP_REF(desc), 0, 0, attributes);
#else
  dnnl_eltwise_desc_t operation;
  status = dnnl_eltwise_forward_desc_init(&operation, dnnl_forward_inference, algorithm, LOCKSTEP_REF(desc), 0, 0);
  if (status == dnnl_success) status = dnnl_primitive_desc_create(&result, &operation, attributes, engine, NULL);
#endif
  dnnl_primitive_attr_destroy(attributes);
  return status == dnnl_success ? result : NULL;
}
