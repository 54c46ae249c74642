// Linear layers on tensor cores with activations that are rounded to 16 bits: linear_tensor.cuh. A file of its own, since a
// driver compiles whole files and a run has one precision.
#include "linear_tensor.cuh"

using Many = Block<128, 1, 4, 64>;
using Few = Block<32, 1, 4, 32>;

LINEAR_KERNEL(linear_tensor_fast, Many)
LINEAR_KERNEL(linear_tensor_fast_few, Few)
