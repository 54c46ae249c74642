// Linear layers on tensor cores with activations that are rounded to 16 bits: linear_tensor.cuh. A file of its own, since a
// driver compiles whole files and a run has one precision.
#include "linear_tensor.cuh"

using Many = Block<128, 1, 4, 64>;
using Few = Block<32, 1, 4, 32>;

LINEAR_KERNEL(linear_tensor_fast_f16, Float16Product, Many)
LINEAR_KERNEL(linear_tensor_fast_few_f16, Float16Product, Few)
#if TENSOR_CORE_BF16
LINEAR_KERNEL(linear_tensor_fast_bf16, Bfloat16Product, Many)
LINEAR_KERNEL(linear_tensor_fast_few_bf16, Bfloat16Product, Few)
#endif
