// Prunes the lowest N scores of every M = 4 or M = 8 consecutive columns, in registers.
//
// One block a row; a thread takes a 16-byte vector at a time, which holds whole groups (of F32 half a group of 8, whose
// other half is with the neighbour lane and comes by shuffles).
//
// Where half of a group goes (2:4, 4:8), the highest key that goes comes from a network of minima and maxima: the group's
// halves are sorted, the lower half of both is what is lower of each pair of a half's i-th key and the other half's i-th
// from the end, and its highest is the limit. The signs of key - limit say what is picked, as in window_select.cuh. If
// that isn't half of the group, since keys are equal to the limit and some of them stay, or the limit isn't finite, the
// thread looks again.
//
// Else an element's rank is the number of its group's elements that go before it: those with a lower score, and of equal
// scores those of lower columns. One comparison of a pair serves both of its ranks. What has a rank below N is picked, so
// that this has no branch on N.
//
// Threads: as many whole warps as a row has vectors, 32 to 256. Shared memory: the row's counts.
//
// Bytes of device memory per weight: F16 and BF16 2 + 2, F32 4 + 4, and 1/8 for the mask. On 3.35 TB/s (H100) the floor
// is 1.19 ns for 1000 16-bit weights and 2.39 ns for 1000 F32 weights. It leaves room for 34 instructions a 16-bit
// weight, 17 of them for integers. Halves of groups take 20 and 10 (kernels/INSTRUCTIONS.md), ranks 27 and 16 (M = 4) or
// 39 and 25 (M = 8).
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

static __device__ __forceinline__ void order(unsigned &low, unsigned &high) {
  unsigned lower = min(low, high);
  high = max(low, high);
  low = lower;
}

// Sorts 2 or 4 keys.
template <unsigned SIZE>
static __device__ __forceinline__ void sortKeys(unsigned *keys) {
  if constexpr (SIZE == 2) {
    order(keys[0], keys[1]);
  } else {
    order(keys[0], keys[1]);
    order(keys[2], keys[3]);
    order(keys[0], keys[2]);
    order(keys[1], keys[3]);
    order(keys[1], keys[2]);
  }
}

// The highest of the lower half of two sorted halves' keys.
template <unsigned HALF>
static __device__ __forceinline__ unsigned highestOfLower(const unsigned *first, const unsigned *second) {
  unsigned highest = 0;
#pragma unroll
  for (unsigned i = 0; i < HALF; i++) {
    highest = max(highest, min(first[i], second[HALF - 1u - i]));
  }
  return highest;
}

// Some keys of a group, and the others, which the neighbour lane has where they aren't here.
template <unsigned SIZE, unsigned IN_LANE>
struct GroupKeys {
  static constexpr unsigned HALF = SIZE / 2;

  const unsigned *keys;
  unsigned others[HALF];
  unsigned limit;

  // Finds the highest key of those that go.
  __device__ __forceinline__ explicit GroupKeys(const unsigned *own) : keys(own) {
    unsigned sorted[HALF];
#pragma unroll
    for (unsigned i = 0; i < HALF; i++) {
      sorted[i] = own[i];
      others[i] = own[IN_LANE - HALF + i];
    }
    sortKeys<HALF>(sorted);
    if (IN_LANE == SIZE) {
      sortKeys<HALF>(others);
    } else {
#pragma unroll
      for (unsigned i = 0; i < HALF; i++) {
        others[i] = __shfl_xor_sync(ALL_LANES, sorted[i], 1);
      }
    }
    limit = highestOfLower<HALF>(sorted, others);
  }

  // A bit for each of this lane's keys that is not above the limit, if all are finite.
  __device__ __forceinline__ unsigned upToLimit() const {
    return appendLower<IN_LANE>(0u, keys, __uint_as_float(limit + 1u));
  }

  // Whether those bits are what is picked: then no zero stays, since zeros aren't above the limit. Every lane of the warp
  // has to come here.
  __device__ __forceinline__ bool isPicked(unsigned bits) const {
    unsigned all = IN_LANE == SIZE ? bits : bits | __shfl_xor_sync(ALL_LANES, bits, 1) << 4;
    return __popc(all) == static_cast<int>(HALF);
  }

  // A bit for each of this lane's keys that is picked.
  __device__ __forceinline__ unsigned picked() const {
    unsigned lower = 0;
    unsigned equal = 0;
    unsigned before = 0;
#pragma unroll
    for (unsigned j = 0; j < IN_LANE; j++) {
      lower |= keys[j] < limit ? 1u << j : 0u;
      equal |= keys[j] == limit ? 1u << j : 0u;
    }
    if (IN_LANE < SIZE) {
      unsigned wins = threadIdx.x % 2u;
#pragma unroll
      for (unsigned i = 0; i < HALF; i++) {
        before += others[i] < limit + wins ? 1u : 0u;
      }
    }
    unsigned left = HALF - min(before + static_cast<unsigned>(__popc(lower)), HALF);
    while (static_cast<unsigned>(__popc(equal)) > left) {
      equal ^= 0x80000000u >> __clz(static_cast<int>(equal));
    }
    return limit == OUTSIDE ? 0u : lower | equal;
  }
};

// Prunes half of each group.
template <class T, unsigned SIZE>
static __device__ __forceinline__ void pruneHalves(const RowPlace<T> &place, int *report) {
  constexpr unsigned IN_LANE = SIZE < T::VECTOR ? SIZE : T::VECTOR;
  __shared__ RowCounts counts;
  clearCounts(counts);
  __syncthreads();
  unsigned columns = place.columns;
  unsigned step = blockDim.x * T::VECTOR;
  unsigned zerosKept = 0;
  for (unsigned first = 0; first < columns; first += step) {
    unsigned column = first + threadIdx.x * T::VECTOR;
    Words words = loadVector<T>(place.source(), column, columns);
    unsigned keys[T::VECTOR];
    vectorKeys<T>(words, place.norms, column, columns, keys);
    unsigned picked = 0;
    bool usual = true;
#pragma unroll
    for (unsigned start = 0; start < T::VECTOR; start += IN_LANE) {
      GroupKeys<SIZE, IN_LANE> group(keys + start);
      unsigned bits = group.upToLimit();
      if (!group.isPicked(bits)) {
        bits = group.picked();
        usual = false;
      }
      picked |= bits << start;
    }
    writePicked<T>(place, column, words, picked);
    if (!usual) {
      zerosKept += __popc(zeroBits<T>(words) & columnBits<T>(column, columns) & ~picked);
    }
    if (!finiteWords<T>(words)) {
      atomicMin(&counts.nonFinite, firstNonFinite<T>(words, column));
    }
  }
  unsigned picked = threadIdx.x == 0 ? columns / 2u : 0u;
  writeReport(counts, picked, picked + zerosKept, report);
}

template <class T, unsigned SIZE>
static __device__ __forceinline__ void pruneGroups(const RowPlace<T> &place, unsigned count, int *report) {
  if (count == SIZE / 2u) {
    pruneHalves<T, SIZE>(place, report);
  } else {
    LowestOfGroup<SIZE> rule = {count};
    pruneStream(place, rule, report);
  }
}

#define SELECT_GROUPS(NAME, TYPE, SIZE)                                                                          \
  extern "C" __global__ void __launch_bounds__(256, 4) NAME(                                                     \
      const void *source, const float *norms, void *destination, unsigned *mask, int *report, int columns,       \
      long long stride, int count) {                                                                             \
    RowPlace<TYPE> place = {source, norms, destination, mask, static_cast<unsigned>(columns), stride};           \
    pruneGroups<TYPE, SIZE>(place, static_cast<unsigned>(count), report);                                        \
  }

SELECT_GROUPS(select_groups_4_f32, Float32, 4)
SELECT_GROUPS(select_groups_4_f16, Float16, 4)
SELECT_GROUPS(select_groups_4_bf16, BFloat16, 4)
SELECT_GROUPS(select_groups_8_f32, Float32, 8)
SELECT_GROUPS(select_groups_8_f16, Float16, 8)
SELECT_GROUPS(select_groups_8_bf16, BFloat16, 8)
