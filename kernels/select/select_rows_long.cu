// Prunes the lowest scores of each row, for rows that don't fit registers; any number of columns.
//
// One block of 512 threads a row. Where the device grants enough shared memory the row is staged there, as it is, by the
// first pass: it is read from device memory once and written once, and every later pass reads it from shared memory. Where
// it doesn't fit, each pass reads it again; a pass runs over one row of each block, so that what it reads again is mostly
// in the second-level cache. A thread only ever reads the vectors that it has staged itself, so staging costs no barrier.
// Keys are computed in each pass (about 2 instructions a weight), with the norms from the caches. The threshold is guessed
// from a sample of the row, see window_select.cuh; a row whose guess fails, or of 65536 columns and more, which a block's
// counts of 16 bits can't hold, is searched with radix_select.cuh.
//
// Shared memory: 8 KiB of histogram, 2.3 KiB beside it, and the row where it is staged: at 28672 16-bit columns
// 56 KiB, which three blocks find on a multiprocessor of an H100, though its registers are enough for two.
//
// Bytes of device memory per weight: staged as select_rows.cu, F16 and BF16 2 + 2, F32 4 + 4; read again, four passes
// make it 8 + 2 and 16 + 4 where the second-level cache doesn't help, and more where many scores are equal. The floor is
// that of select_rows.cu: 1.19 ns for 1000 16-bit weights, 2.39 ns for 1000 F32 weights on 3.35 TB/s. Instructions per
// weight: a key 3 in each of the four passes, the highest 2, the guess 2 and its window 4, or the histogram 4 and one
// shared-memory atomic and gathering 3; limit, write and mask 6.
#include "select_rows.cuh"
#include "window_select.cuh"

// A row in memory whose keys a thread looks at in parts of 32.
template <class T>
struct LongRow : MemoryRow<T> {
  static constexpr unsigned VECTORS = 32 / T::VECTOR;

  bool isFinite;  // as far as the thread's weights go

  __device__ __forceinline__ bool finite() const { return isFinite; }

  // Columns from `first` on.
  struct Part {
    const LongRow &row;
    unsigned first;

    __device__ __forceinline__ unsigned columnOfItem(unsigned item) const {
      return first + (item / T::VECTOR * blockDim.x + threadIdx.x) * T::VECTOR + item % T::VECTOR;
    }

    template <class F>
    __device__ __forceinline__ void forEachKeysDown(F f) const {
#pragma unroll 2
      for (unsigned v = VECTORS; v-- > 0;) {
        unsigned column = columnOfItem(v * T::VECTOR);
        unsigned keys[T::VECTOR];
        vectorKeys<T>(loadVector<T>(row.elements, column, row.size()), row.place.norms, column, row.size(), keys);
        f(keys);
      }
    }
  };

  template <class F>
  __device__ __forceinline__ void forEachPart(F f) const {
#pragma unroll 1
    for (unsigned first = 0; first < this->size(); first += 32u * blockDim.x) {
      f(Part{*this, first});
    }
  }
};

template <class T>
static __device__ __forceinline__ void selectLongRow(
    const RowPlace<T> &place, int count, int bins, int staged, int *report) {
  __shared__ Search search;
  __shared__ RowCounts counts;
  __shared__ Guess guess;
  DYNAMIC_SHARED(unsigned, memory);
  Histogram histogram(memory, static_cast<unsigned>(bins));
  search.clear();
  clearCounts(counts);
  guess.clear();
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
  LongRow<T> row = {{place, staged != 0 ? stage : place.source()}, finite};
  Threshold threshold;
  if (place.columns < NOT_COUNTED) {
    guessFromSample(row, static_cast<unsigned>(count), guess);
    if (windowSelect(row, static_cast<unsigned>(count), guess, threshold)) {
      row.forEachVector([&](unsigned column, const Words &words, const unsigned *keys) {
        writePicked<T>(place, column, words, pickedOf<T>(threshold, column, keys));
      });
      if (threadIdx.x == 0) {
        putReport(static_cast<unsigned>(count), static_cast<unsigned>(count), NO_COLUMN, place.row, report);
      }
      return;
    }
  }
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
