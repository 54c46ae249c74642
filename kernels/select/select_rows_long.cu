// Prunes the lowest scores of each row, for rows that don't fit registers; any number of columns.
//
// One block of 512 threads a row, which it searches with radix_select.cuh, without a guess. Where the device
// grants enough shared memory the row is staged there, as it is, by the pass that looks for the highest key: it is read
// from device memory once and written once, and every later pass reads it from shared memory. Where it doesn't fit, each
// pass reads it again; a pass runs over one row of each block, so that what it reads again is mostly in the second-level
// cache. A thread only ever reads the vectors that it has staged itself, so staging costs no barrier. Keys are computed
// in each pass (about 2 instructions a weight), with the norms from the caches.
//
// Shared memory: 8 KiB of histogram, 2.3 KiB beside it, and the row where it is staged: at 28672 16-bit columns
// 56 KiB, which three blocks find on a multiprocessor of an H100, though its registers are enough for two.
//
// Bytes of device memory per weight: staged as select_rows.cu, F16 and BF16 2 + 2, F32 4 + 4; read again, four passes
// make it 8 + 2 and 16 + 4 where the second-level cache doesn't help, and more where many scores are equal. The floor is
// that of select_rows.cu: 1.19 ns for 1000 16-bit weights, 2.39 ns for 1000 F32 weights on 3.35 TB/s. Instructions per
// weight: a key 3 in each of the four passes, the highest 2, the histogram 4 and one shared-memory atomic, gathering 3,
// limit, write and mask 6.
#include "select_rows.cuh"

template <class T>
static __device__ __forceinline__ void selectLongRow(
    const RowPlace<T> &place, int count, int bins, int staged, int *report) {
  __shared__ Search search;
  __shared__ RowCounts counts;
  DYNAMIC_SHARED(unsigned, memory);
  Histogram histogram(memory, static_cast<unsigned>(bins));
  search.clear();
  clearCounts(counts);
  auto *stage = reinterpret_cast<typename T::Element *>(memory + bins);
  MemoryRow<T> source = {place, place.source()};
  unsigned highest = 0;
  bool finite = true;
  source.forEachVector([&](unsigned column, const Words &words, const unsigned *keys) {
    if (staged != 0) {
      storeVector<T>(stage, column, place.columns, words);
    }
    highest = highestOf<T>(highest, words, keys);
    finite = finite && T::finite(words);
  });
  MemoryRow<T> row = {place, staged != 0 ? stage : place.source()};
  pruneLowest<T>(row, place, static_cast<unsigned>(count), highest, finite, report, histogram, search, counts);
}

#define SELECT_ROWS_LONG(NAME, TYPE)                                                                             \
  extern "C" __global__ void __launch_bounds__(512, 2) NAME(                                                     \
      const void *source, const float *norms, void *destination, unsigned *mask, int *report, int columns,       \
      long long stride, int count, int bins, int staged) {                                                       \
    RowPlace<TYPE> place = {source, norms, destination, mask, static_cast<unsigned>(columns), stride};           \
    selectLongRow<TYPE>(place, count, bins, staged, report);                                                     \
  }

SELECT_ROWS_LONG(select_rows_long_f32, Float32)
SELECT_ROWS_LONG(select_rows_long_f16, Float16)
SELECT_ROWS_LONG(select_rows_long_bf16, BFloat16)
