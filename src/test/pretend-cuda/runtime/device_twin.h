// CUDA's device language for g++: the words, types and intrinsics that kernels may use (see kernels/README.md).
// __CUDA_ARCH__ is defined by the build, as nvcc would.
#pragma once

#include <math.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "thread.h"

// The build finds kernels by this attribute in the preprocessed text.
#define __global__ __attribute__((__visibility__("default"), __used__))
#define __device__
#define __host__
#define __constant__
#define __forceinline__ __inline__ __attribute__((__always_inline__))
#define __noinline__ __attribute__((__noinline__))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((__aligned__(bytes)))
// A host thread runs one block at a time, so what is a block's is the host thread's.
#define __shared__ static thread_local
#define DYNAMIC_SHARED(type, name) type *const name = static_cast<type *>(pretend::thread->dynamicShared)

#define threadIdx (pretend::thread->threadIndex)
#define blockIdx (pretend::thread->blockIndex)
#define blockDim (pretend::thread->blockShape)
#define gridDim (pretend::thread->gridShape)
constexpr int warpSize = 32;

using uint3 = pretend::Index;
using dim3 = pretend::Index;

#include "vectors.h"
#include "arithmetic.h"
#include "atomics.h"
#include "warp.h"

// A macro, so that a race test can run without the barrier of one line.
#define __syncthreads() pretend::barrierAt(__FILE__, __LINE__)
inline int __syncthreads_or(int value) { return pretend::barrier(pretend::Vote::ANY, value); }
inline int __syncthreads_and(int value) { return pretend::barrier(pretend::Vote::ALL, value); }
inline int __syncthreads_count(int value) { return pretend::barrier(pretend::Vote::COUNT, value); }
// Fibers of a block share one host thread, and blocks of a grid meet only in atomics, which order everything here.
inline void __threadfence_block() { std::atomic_signal_fence(std::memory_order_seq_cst); }
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
