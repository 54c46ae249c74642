// What every kernel includes. nvcc brings the language with it; g++ is given host twins of it, so that the same sources
// run on a CPU under the pretend driver of the tests (src/test/pretend-cuda).
#pragma once

#ifdef __CUDACC__

// Dynamic shared memory, aligned for 16-byte accesses: DYNAMIC_SHARED(float, tile); makes tile a float pointer.
// All kernels of a file see the same bytes.
#define DYNAMIC_SHARED(type, name)                                          \
  extern __shared__ __align__(16) unsigned char dynamicSharedBytes[];       \
  type *const name = reinterpret_cast<type *>(dynamicSharedBytes)

#else
#include "device_twin.h"
#endif
