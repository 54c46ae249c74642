// Matrix products of warps on tensor cores, and copies to shared memory that go on while a warp computes. Fragments lie
// in the lanes as PTX says (ISA, "Matrix Fragments for mma.m16n8k16"); with group = lane / 4 and pair = lane % 4:
//
//   a  16 x 16, 16-bit, 4 words: (group, 2 pair ..), (group + 8, 2 pair ..), (group, 2 pair + 8 ..), (group + 8, 2 pair + 8 ..)
//   b  16 x 8, 16-bit, 2 words: rows 2 pair .., rows 2 pair + 8 .., both of column group
//   d  16 x 8, float, 4: (group, 2 pair), (group, 2 pair + 1), (group + 8, 2 pair), (group + 8, 2 pair + 1)
//
// A word holds two elements, the lower column (of a) or row (of b) in its low half. For k = 8, a has the first two words
// and b the first. All lanes of the warp have to call together. TENSOR_CORE_K16 says whether there is k = 16; sm_75 has k = 8
// only.
#pragma once

#include "device.cuh"

#if __CUDA_ARCH__ >= 800
#define TENSOR_CORE_K16 1
#else
#define TENSOR_CORE_K16 0
#endif

#ifdef __CUDACC__

namespace tensor_core {

__device__ __forceinline__ unsigned sharedAddress(const void *shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

// d += a b for float16, k = 8.
__device__ __forceinline__ void multiplyF16K8(float (&d)[4], const unsigned (&a)[2], unsigned b) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(b));
}

#if TENSOR_CORE_K16
// d += a b for float16, k = 16.
__device__ __forceinline__ void multiplyF16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

// Loads 8 x 8 matrices of 16-bit elements from shared memory. Lane 8 i + r gives the address of row r of matrix i, a
// multiple of 16 bytes (of two matrices, lanes 0 to 15 do; sm_75 wants an address of some row from the others too).
// words[i] is elements (lane / 4, 2 (lane % 4)) and the one right of it of matrix i; transposed, elements
// (2 (lane % 4), lane / 4) and the one below it.
__device__ __forceinline__ void loadMatrices(unsigned (&words)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(sharedAddress(row))
               : "memory");
}

__device__ __forceinline__ void loadMatrices(unsigned (&words)[2], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
               : "=r"(words[0]), "=r"(words[1])
               : "r"(sharedAddress(row))
               : "memory");
}

__device__ __forceinline__ void loadMatricesTransposed(unsigned (&words)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(sharedAddress(row))
               : "memory");
}

__device__ __forceinline__ void loadMatricesTransposed(unsigned (&words)[2], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
               : "=r"(words[0]), "=r"(words[1])
               : "r"(sharedAddress(row))
               : "memory");
}

// Starts to copy 16 bytes, of which the first `bytes` (0 to 16) come from global memory and the others are zero. Both
// addresses are multiples of 16, also where nothing is read. sm_75 copies at once.
__device__ __forceinline__ void copyAsync(void *shared, const void *global, int bytes = 16) {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(bytes)
               : "memory");
#else
  uint4 value = make_uint4(0, 0, 0, 0);
  if (bytes == 16) {
    value = *static_cast<const uint4 *>(global);
  } else {
    const auto *from = static_cast<const unsigned char *>(global);
    unsigned words[4] = {0, 0, 0, 0};
#pragma unroll
    for (int i = 0; i < 16; i++) {
      if (i < bytes) words[i / 4] |= static_cast<unsigned>(from[i]) << 8 * (i % 4);
    }
    value = make_uint4(words[0], words[1], words[2], words[3]);
  }
  *static_cast<uint4 *>(shared) = value;
#endif
}

// Ends a group of this thread's copies.
__device__ __forceinline__ void copyAsyncCommit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits for this thread's groups but the latest `pending`. Other threads see the copies after a barrier.
template <int pending>
__device__ __forceinline__ void copyAsyncWait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
#endif
}

}  // namespace tensor_core

#else
#include "tensor_core_twin.h"
#endif
