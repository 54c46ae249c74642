// Takes the powers of two out of a product that its rows were multiplied by: linear_split.cu.
#pragma once

#include "device.cuh"

// The smaller inverse first: what is between is then infinite only if the result is.
__device__ __forceinline__ float unscaled(float product, float inverse, float weightInverse) {
  const bool first = inverse < weightInverse;
  return product * (first ? inverse : weightInverse) * (first ? weightInverse : inverse);
}
