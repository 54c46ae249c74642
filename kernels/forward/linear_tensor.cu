// Linear layers on tensor cores with two parts of each activation: linear_tensor.cuh.
#include "linear_tensor.cuh"

using Many = Block<128, 2, 8, 32>;
using Few = Block<32, 2, 8, 32>;

LINEAR_KERNEL(linear_tensor, Many)
LINEAR_KERNEL(linear_tensor_few, Few)
