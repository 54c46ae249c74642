// Prunes the lowest N scores of every M = 4 or M = 8 consecutive columns, in registers.
//
// One block a row; a thread takes a 16-byte vector at a time, which holds whole groups (of F32 half a group of 8, whose
// other half is with the neighbour lane and comes by shuffles). An element's rank is the number of its group's elements
// that go before it: those with a lower score, and of equal scores those of lower columns. One comparison of a pair
// serves both of its ranks. What has a rank below N is picked, so the kernel has no branch on N.
//
// Threads: as many whole warps as a row has vectors, 32 to 256. Shared memory: the row's counts.
//
// Bytes of device memory per weight: F16 and BF16 2 + 2, F32 4 + 4, and 1/8 for the mask. On 3.35 TB/s (H100) the floor
// is 1.19 ns for 1000 16-bit weights and 2.39 ns for 1000 F32 weights. Instructions per weight beside loads: keys 3,
// ranks 5 (M = 4), 11 (M = 8), result, mask and counts 8; the floor leaves room for 17 integer ones at 16 bits
// on an H100, so M = 4 waits for memory and M = 8 is near the balance.
#include "row_stream.cuh"

// Ranks elements of one group against each other.
template <unsigned SIZE>
static __device__ __forceinline__ void rankAll(const unsigned *keys, unsigned *ranks) {
#pragma unroll
  for (unsigned i = 0; i < SIZE; i++) {
    ranks[i] = 0;
  }
#pragma unroll
  for (unsigned i = 0; i < SIZE; i++) {
#pragma unroll
    for (unsigned j = i + 1; j < SIZE; j++) {
      bool swapped = keys[j] < keys[i];
      ranks[i] += swapped ? 1u : 0u;
      ranks[j] += swapped ? 0u : 1u;
    }
  }
}

// Adds the ranks of four elements against the four that the neighbour lane has of their group.
static __device__ __forceinline__ void rankAcross(const unsigned *keys, unsigned *ranks) {
  // The odd lane has the higher columns: there an equal key of the neighbour goes first.
  unsigned wins = threadIdx.x % 2u;
#pragma unroll
  for (unsigned j = 0; j < 4; j++) {
    unsigned other = __shfl_xor_sync(ALL_LANES, keys[j], 1);
#pragma unroll
    for (unsigned i = 0; i < 4; i++) {
      ranks[i] += other < keys[i] + wins ? 1u : 0u;
    }
  }
}

template <unsigned SIZE>
struct LowestOfGroup {
  unsigned count;

  template <class T>
  __device__ __forceinline__ void pick(const unsigned *keys, bool *picked) const {
    constexpr unsigned IN_LANE = SIZE < T::VECTOR ? SIZE : T::VECTOR;
    unsigned ranks[T::VECTOR];
#pragma unroll
    for (unsigned group = 0; group < T::VECTOR; group += IN_LANE) {
      rankAll<IN_LANE>(keys + group, ranks + group);
    }
    if (IN_LANE < SIZE) {
      rankAcross(keys, ranks);
    }
#pragma unroll
    for (unsigned j = 0; j < T::VECTOR; j++) {
      picked[j] = ranks[j] < count;
    }
  }
};

#define SELECT_GROUPS(NAME, TYPE, SIZE)                                                                          \
  extern "C" __global__ void __launch_bounds__(256, 4) NAME(                                                     \
      const void *source, const float *norms, void *destination, unsigned *mask, int *report, int columns,       \
      long long stride, int count) {                                                                             \
    RowPlace<TYPE> place = {source, norms, destination, mask, static_cast<unsigned>(columns), stride};           \
    LowestOfGroup<SIZE> rule = {static_cast<unsigned>(count)};                                                   \
    pruneStream(place, rule, report);                                                                            \
  }

SELECT_GROUPS(select_groups_4_f32, Float32, 4)
SELECT_GROUPS(select_groups_4_f16, Float16, 4)
SELECT_GROUPS(select_groups_4_bf16, BFloat16, 4)
SELECT_GROUPS(select_groups_8_f32, Float32, 8)
SELECT_GROUPS(select_groups_8_f16, Float16, 8)
SELECT_GROUPS(select_groups_8_bf16, BFloat16, 8)
