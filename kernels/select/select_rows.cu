// Prunes the lowest scores of each row (Wanda, arXiv 2306.11695, section 3), for rows that a block's registers hold:
// up to 14336 columns of 16 bits, or 7168 of F32.
//
// As many blocks as run at a time share the rows. A thread loads 16 or 32 weights in 16-byte vectors, neighbouring
// threads neighbouring vectors, and keeps them until they are written; so a row is read from device memory once and
// written once, but for the few candidates whose weights are looked up again. With 16 weights of 16 bits a thread keeps
// their keys as well, in 64 registers, so that two blocks of 512 threads or four of 256 share a multiprocessor; with
// 32, and with 16 of F32, the keys are computed anew in each pass (2 instructions a weight), in 72 registers and two
// blocks of up to 448 threads. The norms are read again by each row, from the first-level cache. The k-th smallest key
// is guessed from the row before, or the first row's from a sample of it, see window_select.cuh: a pass that counts, a
// pass over a window, a few candidates; a row whose guess fails goes through the histogram of radix_select.cuh. The
// last pass compares each key with the limit, and writes vectors, mask bytes and the report. A usual row has 3
// barriers; other blocks of the multiprocessor load and write meanwhile.
//
// Threads: as few whole warps as hold the row, 32 to 512. Shared memory: the histogram, 8 bins for each thread of the
// largest power of two in the block, at most 2048 (8 KiB), and 2.7 KiB beside it.
//
// Bytes of device memory per weight: F16 and BF16 2 + 2, F32 4 + 4, and 1/8 for the mask; norms and reports are lost
// beside it. On 3.35 TB/s (H100) the floor is 1.19 ns for 1000 16-bit weights and 2.39 ns for 1000 F32 weights.
// Instructions are counted in kernels/INSTRUCTIONS.md: about 28 for a 16-bit weight, of which 11 go to the integer pipe,
// where 132 multiprocessors of 64 integer lanes at 1.7 GHz have time for 17 of these and 34 of all, in the time of the
// floor.
#include "select_rows.cuh"
#include "window_select.cuh"

// A row whose keys are in registers and whose weights are read again when they are written, which leaves more of the
// registers to a search.
template <class T, class Row>
struct KeysOfRow {
  static constexpr unsigned WIDTH = Row::WIDTH;

  const Row &row;

  __device__ __forceinline__ unsigned size() const { return row.size(); }

  template <class F>
  __device__ __forceinline__ void forEachKeys(F f) const {
    row.forEachKeys(f);
  }

  template <class F>
  __device__ __forceinline__ void forEachVector(F f) const {
    row.forEachVector([&](unsigned column, const Words &, const unsigned *keys) {
      f(column, loadVector<T>(row.place.source(), column, row.place.columns), keys);
    });
  }
};

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
    if (isWhole()) {
#pragma unroll
      for (unsigned v = 0; v < VECTORS; v++) {
        vectors[v] = loadWholeVector<T>(place.source() + columnOf(v));
      }
    } else {
#pragma unroll
      for (unsigned v = 0; v < VECTORS; v++) {
        vectors[v] = loadVector<T>(place.source(), columnOf(v), place.columns);
      }
    }
    if (KEEPS_KEYS) {
      loadKeys();
    }
  }

  // Whether all of the thread's vectors are full of columns, which is so but for the last threads.
  __device__ __forceinline__ bool isWhole() const { return columnOf(VECTORS - 1) + T::VECTOR <= place.columns; }

  __device__ __forceinline__ void loadKeys() {
    if (isWhole()) {
#pragma unroll
      for (unsigned v = 0; v < VECTORS; v++) {
        wholeVectorKeys<T>(vectors[v], place.norms + columnOf(v), kept + v * T::VECTOR % KEPT_KEYS);
      }
    } else {
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

  static __device__ __forceinline__ unsigned columnOfItem(unsigned item) {
    return columnOf(item / T::VECTOR) + item % T::VECTOR;
  }

  __device__ __forceinline__ unsigned key(unsigned column) const { return place.key(column); }

  __device__ __forceinline__ bool finite() const {
    unsigned zeros = 0;
#pragma unroll
    for (unsigned i = 0; i < VECTORS * 4; i++) {
      zeros = T::zeroOrNan(zeros, vectors[i / 4].word[i % 4]);
    }
    return (zeros & T::MAGNITUDES) == 0u;
  }

  template <class F>
  __device__ __forceinline__ void withKeys(unsigned v, F f) const {
    unsigned column = columnOf(v);
    if (KEEPS_KEYS) {
      f(column, vectors[v], kept + v * T::VECTOR % KEPT_KEYS);
    } else {
      unsigned keys[T::VECTOR];
      vectorKeys<T>(vectors[v], place.norms, column, place.columns, keys);
      f(column, vectors[v], keys);
    }
  }

  template <class F>
  __device__ __forceinline__ void forEachVector(F f) const {
#pragma unroll
    for (unsigned v = 0; v < VECTORS; v++) {
      withKeys(v, f);
    }
  }

  template <class F>
  __device__ __forceinline__ void forEachKeys(F f) const {
    forEachVector([&](unsigned column, const Words &, const unsigned *keys) { f(column, keys); });
  }

  // All of the thread's columns at once.
  template <class F>
  __device__ __forceinline__ void forEachPart(F f) const {
    f(*this);
  }

  template <class F>
  __device__ __forceinline__ void forEachKeysDown(F f) const {
#pragma unroll
    for (unsigned v = VECTORS; v-- > 0;) {
      withKeys(v, [&](unsigned, const Words &, const unsigned *keys) { f(keys); });
    }
  }

  // The row for a search that needs registers itself: what would take its registers is read again.
  __device__ __forceinline__ auto forSearch() const {
    if constexpr (KEEPS_KEYS) {
      return KeysOfRow<T, RegisterRow>{*this};
    } else {
      return MemoryRow<T>{place, place.source()};
    }
  }

  // Writes the row without what is picked.
  __device__ __forceinline__ void write(const Threshold &threshold) const {
    if (T::VECTOR == 8 && isWhole()) {
      forEachVector([&](unsigned column, const Words &words, const unsigned *keys) {
        unsigned picked = pickedOf<T>(threshold, column, keys);
        storeWholeVector<T>(place.destination() + column, T::prune(words, picked));
        if (place.masks != nullptr) {
          putMaskByte(place, column, ~picked);
        }
      });
    } else {
      forEachVector([&](unsigned column, const Words &words, const unsigned *keys) {
        writePicked<T>(place, column, words, pickedOf<T>(threshold, column, keys));
      });
    }
  }
};

// Shared memory of a block.
struct RowMemory {
  Search search;
  RowCounts counts;
  Guess guess;
};

// Selects and writes a row of which the one before told nothing.
template <class T, class Row>
static __device__ __forceinline__ void selectWithoutGuess(
    const Row &row, const RowPlace<T> &place, unsigned count, const Histogram &histogram, RowMemory &memory, int *report) {
  clearCounts(memory.counts);
  unsigned highest = 0;
  bool finite = true;
  row.forEachVector([&](unsigned, const Words &words, const unsigned *keys) {
    highest = highestOf<T>(highest, words, keys);
    finite = finite && T::finite(words);
  });
  Threshold threshold =
      pruneLowest<T>(row, place, count, highest, finite, report, histogram, memory.search, memory.counts);
  memory.guess.clear();
  if (threadIdx.x == 0) {
    memory.guess.before = firstBefore(threshold, place.columns);
  }
  // For the next row.
  __syncthreads();
}

template <class T, unsigned ITEMS, bool KEEPS_KEYS>
static __device__ __forceinline__ void selectRows(RowPlace<T> place, unsigned rows, int count, int bins, int *report) {
  __shared__ RowMemory memory;
  DYNAMIC_SHARED(unsigned, dynamic);
  Histogram histogram(dynamic, static_cast<unsigned>(bins));
  memory.search.clear();
  memory.guess.clear();
  guessFromSample(MemoryRow<T>{place, place.source()}, static_cast<unsigned>(count), memory.guess);
#pragma unroll 1
  for (; place.row < rows; place.row += gridDim.x) {
    RegisterRow<T, ITEMS, KEEPS_KEYS> row(place);
    Threshold threshold;
    if (windowSelect(row, static_cast<unsigned>(count), memory.guess, threshold)) {
      row.write(threshold);
      if (threadIdx.x == 0) {
        // A window has no zeros, so all of them are picked.
        putReport(count, count, NO_COLUMN, place.row, report);
      }
    } else {
      auto slow = row.forSearch();
      selectWithoutGuess<T>(slow, place, static_cast<unsigned>(count), histogram, memory, report);
    }
  }
}

#define SELECT_ROWS(NAME, TYPE, ITEMS, KEEPS_KEYS, THREADS)                                                      \
  extern "C" __global__ void __launch_bounds__(THREADS, 2) NAME(                                                 \
      const void *source, const float *norms, void *destination, unsigned *mask, int *report, int columns,       \
      long long stride, int rows, int count, int bins) {                                                         \
    RowPlace<TYPE> place = {source, norms, destination, mask, static_cast<unsigned>(columns), stride};           \
    selectRows<TYPE, ITEMS, KEEPS_KEYS>(place, static_cast<unsigned>(rows), count, bins, report);                \
  }

SELECT_ROWS(select_rows_16_f32, Float32, 16, false, 448)
SELECT_ROWS(select_rows_16_f16, Float16, 16, true, 512)
SELECT_ROWS(select_rows_16_bf16, BFloat16, 16, true, 512)
SELECT_ROWS(select_rows_32_f16, Float16, 32, false, 448)
SELECT_ROWS(select_rows_32_bf16, BFloat16, 32, false, 448)
