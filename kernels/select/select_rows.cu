// Prunes the lowest scores of each row (Wanda, arXiv 2306.11695, section 3), for rows that a block's registers hold:
// up to 14336 columns of 16 bits, or 7168 of F32.
//
// One block a row. A thread loads 16 or 32 weights in 16-byte vectors, neighbouring threads neighbouring vectors, and
// keeps them until they are written; so a row is read from device memory once and written once. With 16 weights of 16
// bits a thread keeps their keys as well, in 64 registers, so that two blocks of 512 threads or four of 256 share a
// multiprocessor; with 32, and with 16 of F32, the keys are computed anew in each pass (about 2 instructions a weight),
// in 72 registers and two blocks of up to 448 threads. The norms are read again by each row, from the first-level
// cache. While it loads, a thread takes the maximum of its keys and looks for NaN and infinity. The search for the k-th
// smallest key is in radix_select.cuh: a histogram pass, a scan, a pass that gathers a few candidates. The last pass
// compares each key with the limit, and writes vectors, mask bytes and the report. A usual row has 7 barriers; other
// blocks of the multiprocessor load and write meanwhile.
//
// Threads: as few whole warps as hold the row, 32 to 512. Shared memory: the histogram, 8 bins for each thread of the
// largest power of two in the block, at most 2048 (8 KiB), and 2.3 KiB beside it.
//
// Bytes of device memory per weight: F16 and BF16 2 + 2, F32 4 + 4, and 1/8 for the mask; norms and reports are lost
// beside it. On 3.35 TB/s (H100) the floor is 1.19 ns for 1000 16-bit weights and 2.39 ns for 1000 F32 weights.
// Instructions per 16-bit weight: load and key 6, histogram 4 and one shared-memory atomic, gather 2, limit, write and
// mask 6; together about 18, where 132 multiprocessors of 64 integer lanes at 1.7 GHz give 17 in the time of the floor
// and the multiplications run beside them. So 16-bit rows are near the balance of both, F32 rows wait for memory.
#include "select_rows.cuh"

// A row in the registers of its block.
template <class T, unsigned ITEMS, bool KEEPS_KEYS>
struct RegisterRow {
  static constexpr unsigned VECTORS = ITEMS / T::VECTOR;
  static constexpr unsigned KEPT_KEYS = KEEPS_KEYS ? ITEMS : 1;
  static constexpr unsigned WIDTH = T::VECTOR;

  const RowPlace<T> &place;
  Words vectors[VECTORS];
  unsigned kept[KEPT_KEYS];

  __device__ __forceinline__ explicit RegisterRow(const RowPlace<T> &where) : place(where) {
#pragma unroll
    for (unsigned v = 0; v < VECTORS; v++) {
      vectors[v] = loadVector<T>(place.source(), columnOf(v), place.columns);
    }
    if (KEEPS_KEYS) {
#pragma unroll
      for (unsigned v = 0; v < VECTORS; v++) {
        vectorKeys<T>(vectors[v], place.norms, columnOf(v), place.columns, kept + v * T::VECTOR % KEPT_KEYS);
      }
    }
  }

  __device__ __forceinline__ unsigned size() const { return place.columns; }

  static __device__ __forceinline__ unsigned columnOf(unsigned v) {
    return (v * blockDim.x + threadIdx.x) * T::VECTOR;
  }

  template <class F>
  __device__ __forceinline__ void forEachVector(F f) const {
#pragma unroll
    for (unsigned v = 0; v < VECTORS; v++) {
      unsigned column = columnOf(v);
      if (KEEPS_KEYS) {
        f(column, vectors[v], kept + v * T::VECTOR % KEPT_KEYS);
      } else {
        unsigned keys[T::VECTOR];
        vectorKeys<T>(vectors[v], place.norms, column, place.columns, keys);
        f(column, vectors[v], keys);
      }
    }
  }

  template <class F>
  __device__ __forceinline__ void forEachKeys(F f) const {
    forEachVector([&](unsigned column, const Words &, const unsigned *keys) { f(column, keys); });
  }
};

template <class T, unsigned ITEMS, bool KEEPS_KEYS>
static __device__ __forceinline__ void selectRow(const RowPlace<T> &place, int count, int bins, int *report) {
  __shared__ Search search;
  __shared__ RowCounts counts;
  DYNAMIC_SHARED(unsigned, memory);
  Histogram histogram(memory, static_cast<unsigned>(bins));
  search.clear();
  clearCounts(counts);
  RegisterRow<T, ITEMS, KEEPS_KEYS> row(place);
  unsigned highest = 0;
  bool finite = true;
  row.forEachVector([&](unsigned, const Words &words, const unsigned *keys) {
    highest = highestOf<T>(highest, words, keys);
    finite = finite && T::finite(words);
  });
  pruneLowest<T>(row, place, static_cast<unsigned>(count), highest, finite, report, histogram, search, counts);
}

#define SELECT_ROWS(NAME, TYPE, ITEMS, KEEPS_KEYS, THREADS)                                                      \
  extern "C" __global__ void __launch_bounds__(THREADS, 2) NAME(                                                 \
      const void *source, const float *norms, void *destination, unsigned *mask, int *report, int columns,       \
      long long stride, int count, int bins) {                                                                   \
    RowPlace<TYPE> place = {source, norms, destination, mask, static_cast<unsigned>(columns), stride};           \
    selectRow<TYPE, ITEMS, KEEPS_KEYS>(place, count, bins, report);                                              \
  }

SELECT_ROWS(select_rows_16_f32, Float32, 16, false, 448)
SELECT_ROWS(select_rows_16_f16, Float16, 16, true, 512)
SELECT_ROWS(select_rows_16_bf16, BFloat16, 16, true, 512)
SELECT_ROWS(select_rows_32_f16, Float16, 32, false, 448)
SELECT_ROWS(select_rows_32_bf16, BFloat16, 32, false, 448)
