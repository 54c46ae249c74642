// Prunes the lowest N scores of every M consecutive columns, for any M up to 32, in registers.
//
// One block of up to 256 threads a row. A warp takes as many whole groups as it has lanes for, floor(32 / M), one column
// a lane, in four such chunks at a time so that their loads overlap. An element's rank is counted by M shuffles that show
// it each element of its group: it goes after those with a lower score, and after equal ones of lower columns. What has a
// rank below N is picked. A chunk's mask bits are a ballot; where chunks don't end with a word of the mask the words are
// put together by atomics, which set bits that nobody else sets.
//
// Shared memory: the row's counts. Bytes of device memory per weight: F16 and BF16 2 + 2, F32 4 + 4, and 1/8 for the
// mask, which where M doesn't divide 32 is cleared first and put together in the second-level cache. On 3.35 TB/s (H100)
// the floor is 1.19 ns for 1000 16-bit weights and 2.39 ns for 1000 F32 weights. A rank takes M shuffles, of which a
// multiprocessor does 32 lanes a cycle, and 3 M integer instructions: on an H100 M = 16 takes 2.1 ns for 1000
// weights for the shuffles alone, so this kernel waits for its own arithmetic. M = 4 and M = 8 have select_groups.cu.
#include "row_elements.cuh"
#include "row_report.cuh"

constexpr unsigned CHUNKS = 4;

template <class T>
static __device__ __forceinline__ void selectSmallGroups(
    const RowPlace<T> &place, unsigned picks, unsigned size, int *report) {
  __shared__ RowCounts counts;
  clearCounts(counts);
  unsigned *mask = place.mask();
  const auto *source = place.source();
  auto *destination = place.destination();
  unsigned width = 32u / size * size;
  if (width < 32u) {
    clearMask(mask, place.columns);
  }
  __syncthreads();
  unsigned lane = laneIndex();
  unsigned member = lane % size;
  unsigned first = lane - member;
  unsigned warps = blockDim.x / 32u;
  unsigned pickedCount = 0;
  unsigned zeros = 0;
  for (unsigned from = 0; from < place.columns; from += warps * CHUNKS * width) {
    typename T::Element elements[CHUNKS];
    unsigned keys[CHUNKS];
    unsigned ranks[CHUNKS];
#pragma unroll
    for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
      unsigned column = from + (chunk * warps + warpIndex()) * width + lane;
      bool inside = lane < width && column < place.columns;
      elements[chunk] = inside ? source[column] : typename T::Element(0);
      keys[chunk] = elementKey<T>(elements[chunk], inside ? place.norms[column] : 0.0f);
      ranks[chunk] = 0;
    }
    for (unsigned other = 0; other < size; other++) {
      unsigned wins = other < member ? 1u : 0u;
#pragma unroll
      for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
        unsigned key = __shfl_sync(ALL_LANES, keys[chunk], (first + other) % 32u);
        ranks[chunk] += key < keys[chunk] + wins ? 1u : 0u;
      }
    }
#pragma unroll
    for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
      unsigned start = from + (chunk * warps + warpIndex()) * width;
      unsigned column = start + lane;
      bool inside = lane < width && column < place.columns;
      bool picked = ranks[chunk] < picks;
      unsigned kept = __ballot_sync(ALL_LANES, inside && !picked);
      if (inside) {
        destination[column] = picked ? typename T::Element(0) : elements[chunk];
        pickedCount += picked ? 1u : 0u;
        zeros += picked || isZero<T>(elements[chunk]) ? 1u : 0u;
      }
      if (inside && !T::finite(elements[chunk])) {
        atomicMin(&counts.nonFinite, column);
      }
      if (mask != nullptr && lane == 0 && inside) {
        if (width == 32u) {
          mask[start / 32u] = kept;
        } else {
          addToMask(mask, start, kept);
        }
      }
    }
  }
  writeReport(counts, pickedCount, zeros, report);
}

#define SELECT_GROUPS_SMALL(NAME, TYPE)                                                                          \
  extern "C" __global__ void __launch_bounds__(256, 4) NAME(                                                     \
      const void *source, const float *norms, void *destination, unsigned *mask, int *report, int columns,       \
      long long stride, int count, int size) {                                                                   \
    RowPlace<TYPE> place = {source, norms, destination, mask, static_cast<unsigned>(columns), stride};           \
    selectSmallGroups<TYPE>(place, static_cast<unsigned>(count), static_cast<unsigned>(size), report);           \
  }

SELECT_GROUPS_SMALL(select_groups_small_f32, Float32)
SELECT_GROUPS_SMALL(select_groups_small_f16, Float16)
SELECT_GROUPS_SMALL(select_groups_small_bf16, BFloat16)
