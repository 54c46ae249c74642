// The lower and the higher of two numbers as Java's Math.min and Math.max say, which give NaN for NaN.
#pragma once

#include "device.cuh"

static __device__ __forceinline__ double lower(double a, double b) { return a != a || a < b ? a : b; }

static __device__ __forceinline__ double higher(double a, double b) { return a != a || a > b ? a : b; }
