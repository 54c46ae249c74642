#pragma once
#include "reduce.cuh"
#include "row_vectors.cuh"

// The exact k-th smallest of a block's keys, and of equal keys the k-th lowest column.
//
// A range-normalised radix select. One histogram in shared memory spreads the keys of a range [low, high] over its bins,
// bin = (key - low) >> shift, with the smallest shift that makes the range fit; a scan over the bins finds the one that
// holds the k-th key, which is the next range. The first range is the 16 octaves below the highest key: at 2048 bins
// that is 128 bins an octave, so that of a row's keys well under 1 % share the bin in question, and lanes of a warp
// seldom add to one address. Keys below the range, zeros among them, cost no atomic: their number is the total less the
// bins'; where the k-th is one of them the range below is next, and below key 1 there are only zeros. As soon as
// there are no more keys in the range than threads, they are gathered and each thread counts those before its own. Only
// where many keys are equal does it come to columns: the same search, over the columns of the keys that are equal.
//
// A row that isn't all but constant takes one histogram pass and one pass that gathers: per key about 4 instructions and
// an atomic, then 3 instructions. The worst there is are 5 histogram passes over keys and 3 over columns. Barriers: 3 for
// each histogram and 2 for the end. The result doesn't depend on the order in which atomics happen.

constexpr unsigned BINS_PER_THREAD = 8;
constexpr unsigned MAX_CANDIDATES = 256;
constexpr unsigned FIRST_RANGE = 16u << 23;
constexpr unsigned ABOVE_EVERY_KEY = 0x80000000u;

// What is picked: keys below `key`, and of those that are equal the columns below `column`.
struct Threshold {
  unsigned key;
  unsigned column;
};

struct Candidate {
  unsigned key;
  unsigned column;
};

struct Range {
  unsigned low;
  unsigned high;
};

// Shared memory of one search after the other.
struct Search {
  unsigned warps[MAX_WARPS];
  Candidate candidates[MAX_CANDIDATES];
  unsigned candidateCount;
  unsigned bin;
  unsigned rank;
  unsigned count;
  Threshold threshold;

  // To be followed by a barrier; a search leaves it as it finds it.
  __device__ __forceinline__ void clear() {
    if (threadIdx.x == 0) {
      candidateCount = 0;
    }
  }
};

// A block's histogram: a power of two of bins, BINS_PER_THREAD for each of as many whole warps. All bins are zero
// between passes.
struct Histogram {
  unsigned *bins;
  unsigned size;

  // The bins of the host's choice; to be followed by a barrier.
  __device__ __forceinline__ Histogram(unsigned *memory, unsigned count) : bins(memory), size(count) {
    for (unsigned i = threadIdx.x; i < size; i += blockDim.x) {
      bins[i] = 0;
    }
  }
};

// Where the search has come to: the key that is looked for is the `rank`-th of the `count` ones up to range.high.
struct Progress {
  Range range;
  unsigned rank;
  unsigned count;
};

// How a key is looked at: as it is, or, where many keys are equal, as its column if it is one of them.
struct View {
  bool tied;
  unsigned wanted;

  __device__ __forceinline__ unsigned value(unsigned column, unsigned key) const {
    return tied ? (key == wanted ? column : OUTSIDE) : key;
  }
};

// Takes the histogram's counts, leaving zeros, and looks for the bin of the rank-th value. Returns false where the
// value lies below all bins, with the count of those that do.
static __device__ __forceinline__ bool findBin(
    const Histogram &histogram, Search &search, unsigned shift, Progress &progress) {
  unsigned counts[BINS_PER_THREAD] = {};
  unsigned sum = 0;
  unsigned upTo = 0;
  unsigned scanning = histogram.size / BINS_PER_THREAD;
  if (threadIdx.x < scanning) {
    uint4 *mine = reinterpret_cast<uint4 *>(histogram.bins + threadIdx.x * BINS_PER_THREAD);
    uint4 first = mine[0];
    uint4 second = mine[1];
    mine[0] = make_uint4(0u, 0u, 0u, 0u);
    mine[1] = make_uint4(0u, 0u, 0u, 0u);
    counts[0] = first.x;
    counts[1] = first.y;
    counts[2] = first.z;
    counts[3] = first.w;
    counts[4] = second.x;
    counts[5] = second.y;
    counts[6] = second.z;
    counts[7] = second.w;
#pragma unroll
    for (unsigned i = 0; i < BINS_PER_THREAD; i++) {
      sum += counts[i];
    }
    upTo = warpPrefixSum(sum);
    if (laneIndex() == 31) {
      search.warps[warpIndex()] = upTo;
    }
  }
  __syncthreads();
  unsigned total = 0;
  unsigned before = 0;
  for (unsigned warp = 0; warp < scanning / 32u; warp++) {
    before += warp < warpIndex() ? search.warps[warp] : 0u;
    total += search.warps[warp];
  }
  unsigned below = progress.count - total;
  if (progress.rank <= below) {
    progress.count = below;
    return false;
  }
  unsigned left = progress.rank - below - (before + upTo - sum);
  if (threadIdx.x < scanning && left - 1u < sum) {
    unsigned bin = 0;
    unsigned inBin = counts[0];
#pragma unroll
    for (unsigned i = 1; i < BINS_PER_THREAD; i++) {
      if (bin == i - 1 && left > inBin) {
        left -= inBin;
        bin = i;
        inBin = counts[i];
      }
    }
    search.bin = threadIdx.x * BINS_PER_THREAD + bin;
    search.rank = left;
    search.count = inBin;
  }
  __syncthreads();
  unsigned low = progress.range.low + (search.bin << shift);
  progress.range.high = min(progress.range.high, low + (1u << shift) - 1u);
  progress.range.low = low;
  progress.rank = search.rank;
  progress.count = search.count;
  return true;
}

// One pass of the search.
template <class Row>
static __device__ __forceinline__ bool narrow(
    const Row &row, const View &view, const Histogram &histogram, Search &search, Progress &progress) {
  unsigned low = progress.range.low;
  unsigned width = progress.range.high - low;
  unsigned shift = 0;
  while (width >> shift >= histogram.size) {
    shift++;
  }
  row.forEachKeys([&](unsigned column, const unsigned *keys) {
#pragma unroll
    for (unsigned j = 0; j < Row::WIDTH; j++) {
      unsigned offset = view.value(column + j, keys[j]) - low;
      if (offset <= width) {
        atomicAdd(&histogram.bins[offset >> shift], 1u);
      }
    }
  });
  __syncthreads();
  return findBin(histogram, search, shift, progress);
}

// Gathers the values of a range that has no more of them than threads, and finds the one that is looked for.
template <class Row>
static __device__ __forceinline__ Threshold finish(
    const Row &row, const View &view, Search &search, const Progress &progress) {
  unsigned low = progress.range.low;
  unsigned width = progress.range.high - low;
  row.forEachKeys([&](unsigned column, const unsigned *keys) {
    unsigned found = 0;
#pragma unroll
    for (unsigned j = 0; j < Row::WIDTH; j++) {
      found |= view.value(column + j, keys[j]) - low <= width ? 1u << j : 0u;
    }
    while (found != 0) {
      unsigned lowest = found & (0u - found);
      unsigned key = keys[0];
#pragma unroll
      for (unsigned j = 1; j < Row::WIDTH; j++) {
        key = lowest == 1u << j ? keys[j] : key;
      }
      found ^= lowest;
      search.candidates[atomicAdd(&search.candidateCount, 1u)] = {key, column + __popc(lowest - 1u)};
    }
  });
  __syncthreads();
  if (threadIdx.x == 0) {
    search.candidateCount = 0;
  }
  if (threadIdx.x < progress.count) {
    Candidate mine = search.candidates[threadIdx.x];
    unsigned before = 0;
    for (unsigned i = 0; i < progress.count; i++) {
      Candidate other = search.candidates[i];
      before += other.key < mine.key || (other.key == mine.key && other.column < mine.column) ? 1u : 0u;
    }
    if (before == progress.rank - 1u) {
      search.threshold = {mine.key, mine.column + 1u};
    }
  }
  __syncthreads();
  return search.threshold;
}

// Finds what to pick so that it is the `count` lowest keys. Every thread of the block has to come here, after a barrier
// that follows the histogram's construction and the search's clearing; `search.warps` may be read until the next one.
//
// row.size(): how many columns there are, 1 or more; row.forEachKeys(f) calls f(column, keys) with the keys of
// Row::WIDTH neighbouring columns, OUTSIDE for what is no column; highest: the highest key.
template <class Row>
static __device__ __forceinline__ Threshold radixSelect(
    const Row &row, unsigned count, unsigned highest, const Histogram &histogram, Search &search) {
  unsigned size = row.size();
  if (count == 0) {
    return {0u, 0u};
  }
  if (count == size) {
    return {ABOVE_EVERY_KEY, 0u};
  }
  unsigned capacity = min(blockDim.x, MAX_CANDIDATES);
  Progress progress = {{0u, highest}, count, size};
  View view = {false, 0u};
  if (size > capacity) {
    highest = max(highest, 1u);
    progress.range = {highest > FIRST_RANGE ? highest - FIRST_RANGE + 1u : 1u, highest};
    bool inRange = false;
    while (!inRange || progress.count > capacity) {
      if (inRange && progress.range.low == progress.range.high) {
        view = {true, progress.range.low};
        progress.range = {0u, size - 1u};
      }
      inRange = narrow(row, view, histogram, search, progress);
      if (!inRange) {
        // Below key 1 are the zeros: they are all equal.
        inRange = progress.range.low == 1u;
        progress.range = {inRange ? 0u : 1u, progress.range.low - 1u};
      }
    }
  }
  return finish(row, view, search, progress);
}
