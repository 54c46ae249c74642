// Prunes the lowest N scores of every M consecutive columns, for M above 32. Such patterns are rare: this kernel is
// right, not fast.
//
// One block a row, which searches one group after the other as radix_select.cuh does, reading it element by element in
// each pass: from device memory in the first and from the caches in the others. A first pass over the row looks for NaN
// and infinity, since a search needs finite scores. Words of the mask may belong to two groups, so they are cleared and
// then put together by atomics of one warp for each 32 columns.
//
// Threads: as many whole warps as a group has columns, 64 to 256. Shared memory: 8 bins for each thread of the largest
// power of two in the block (up to 8 KiB), and 2.3 KiB beside it.
//
// Bytes of device memory per weight: F16 and BF16 2 + 2, F32 4 + 4 as long as the caches hold the blocks' rows, and
// the floor is that of select_rows.cu; but a group costs 3 to 10 barriers however small it is, so M = 64 is bound by them.
#include "row_elements.cuh"
#include "radix_select.cuh"
#include "row_report.cuh"

// One group, columns counted from its start.
template <class T>
struct Group {
  static constexpr unsigned WIDTH = 1;

  const typename T::Element *elements;
  const float *norms;
  unsigned columns;

  __device__ __forceinline__ unsigned size() const { return columns; }

  template <class F>
  __device__ __forceinline__ void forEachKeys(F f) const {
    for (unsigned column = threadIdx.x; column < columns; column += blockDim.x) {
      unsigned key = elementKey<T>(elements[column], norms[column]);
      f(column, &key);
    }
  }
};

template <class T>
static __device__ __forceinline__ unsigned groupMax(const Group<T> &group, unsigned *warps) {
  unsigned highest = 0;
  group.forEachKeys([&](unsigned, const unsigned *keys) { highest = max(highest, keys[0]); });
  return blockMax(highest, warps);
}

// Writes a group's result, and returns how many of the thread's elements are zero in it.
template <class T>
static __device__ __forceinline__ unsigned writeGroup(
    const Group<T> &group, Threshold threshold, typename T::Element *destination, unsigned *mask, unsigned start) {
  unsigned zeros = 0;
  for (unsigned from = 0; from < group.columns; from += blockDim.x) {
    unsigned column = from + threadIdx.x;
    bool inside = column < group.columns;
    typename T::Element element = inside ? group.elements[column] : typename T::Element(0);
    unsigned key = elementKey<T>(element, inside ? group.norms[column] : 0.0f);
    bool picked = key < threshold.key + (column < threshold.column ? 1u : 0u);
    unsigned kept = __ballot_sync(ALL_LANES, inside && !picked);
    if (inside) {
      destination[column] = picked ? typename T::Element(0) : element;
      zeros += picked || isZero<T>(element) ? 1u : 0u;
    }
    if (mask != nullptr && laneIndex() == 0 && inside) {
      addToMask(mask, start + column, kept);
    }
  }
  return zeros;
}

template <class T>
static __device__ __forceinline__ void selectLargeGroups(
    const RowPlace<T> &place, unsigned picks, unsigned size, unsigned bins, int *report) {
  __shared__ Search search;
  __shared__ RowCounts counts;
  DYNAMIC_SHARED(unsigned, memory);
  Histogram histogram(memory, bins);
  unsigned *mask = place.mask();
  const auto *source = place.source();
  search.clear();
  clearCounts(counts);
  clearMask(mask, place.columns);
  __syncthreads();
  for (unsigned column = threadIdx.x; column < place.columns; column += blockDim.x) {
    if (!T::finite(source[column])) {
      atomicMin(&counts.nonFinite, column);
    }
  }
  __syncthreads();
  unsigned zeros = 0;
  bool finite = counts.nonFinite == NO_COLUMN;
  for (unsigned start = 0; finite && start < place.columns; start += size) {
    Group<T> group = {source + start, place.norms + start, size};
    unsigned highest = groupMax(group, search.warps);
    Threshold threshold = radixSelect(group, picks, highest, histogram, search);
    zeros += writeGroup(group, threshold, place.destination() + start, mask, start);
    __syncthreads();
  }
  writeReport(counts, threadIdx.x == 0 ? place.columns / size * picks : 0u, zeros, report);
}

#define SELECT_GROUPS_LARGE(NAME, TYPE)                                                                          \
  extern "C" __global__ void __launch_bounds__(256, 4) NAME(                                                     \
      const void *source, const float *norms, void *destination, unsigned *mask, int *report, int columns,       \
      long long stride, int count, int size, int bins) {                                                         \
    RowPlace<TYPE> place = {source, norms, destination, mask, static_cast<unsigned>(columns), stride};           \
    selectLargeGroups<TYPE>(                                                                                     \
        place, static_cast<unsigned>(count), static_cast<unsigned>(size), static_cast<unsigned>(bins), report);  \
  }

SELECT_GROUPS_LARGE(select_groups_large_f32, Float32)
SELECT_GROUPS_LARGE(select_groups_large_f16, Float16)
SELECT_GROUPS_LARGE(select_groups_large_bf16, BFloat16)
