// Prunes every weight whose score is a threshold or less.
//
// One block a row, a 16-byte vector a thread at a time; nothing depends on anything else. The comparison is of floats:
// the threshold may be negative, and -0.0 is as high as the score 0.
//
// Threads: as many whole warps as a row has vectors, 32 to 256. Shared memory: the row's counts.
//
// Bytes of device memory per weight: F16 and BF16 2 + 2, F32 4 + 4, and 1/8 for the mask. On 3.35 TB/s (H100) the floor
// is 1.19 ns for 1000 16-bit weights and 2.39 ns for 1000 F32 weights; keys 3, comparison, result, mask and counts 9
// instructions per weight are less than that takes.
#include "row_stream.cuh"

struct AtMost {
  float threshold;

  template <class T>
  __device__ __forceinline__ void pick(const unsigned *keys, bool *picked) const {
#pragma unroll
    for (unsigned j = 0; j < T::VECTOR; j++) {
      picked[j] = __uint_as_float(keys[j]) <= threshold;
    }
  }
};

#define SELECT_THRESHOLD(NAME, TYPE)                                                                               \
  extern "C" __global__ void __launch_bounds__(256, 4) NAME(                                                     \
      const void *source, const float *norms, void *destination, unsigned *mask, int *report, int columns,       \
      long long stride, float threshold) {                                                                       \
    RowPlace<TYPE> place = {source, norms, destination, mask, static_cast<unsigned>(columns), stride};           \
    AtMost rule = {threshold};                                                                                   \
    pruneStream(place, rule, report);                                                                            \
  }

SELECT_THRESHOLD(select_threshold_f32, Float32)
SELECT_THRESHOLD(select_threshold_f16, Float16)
SELECT_THRESHOLD(select_threshold_bf16, BFloat16)
