#pragma once
#include "radix_select.cuh"

// The exact k-th smallest of a block's keys, and of equal keys the k-th lowest column, from the threshold of the block's
// row before: the rows of a matrix are much alike. A block's first row has a sample of itself in place of a row before,
// 128 of its keys, of which two warps look for two around the rank that is wanted.
//
// A first pass over the keys, in registers, counts those below that threshold. As many as are missing or too many, times
// the usual distance from one key to the next, is how far the row's own threshold should be. A second pass counts the
// keys below a window there and those in it: the signs of key - low and of key - high go into two words of the thread, a
// bit for each key. What is in the window is known by its column, which the thread writes to shared memory: 32 to 96 of a
// row's keys. After a barrier all threads know whether the window holds the k-th key. If so the first warp computes the
// candidates' keys again, 4 in a lane, and halves the window until one key is left, or equal ones, of which it then
// looks for the column in the same way. If not, the window moves, twice at most; then it is for radix_select.cuh, as it is
// for a row that isn't finite. The result depends on neither the guess nor the order in which atomics happen, only the time
// does.
//
// For each key the first pass takes a subtraction and a shift and the second one twice that; only the shifts are on the
// integer pipe. Barriers: one for each pass and one for the end.

constexpr unsigned LANE_CANDIDATES = 4;
constexpr unsigned WINDOW_CANDIDATES = LANE_CANDIDATES * 32;
constexpr unsigned MOST_WINDOWS = 3;
constexpr unsigned SAMPLE_MARGIN = 8;
constexpr unsigned NOT_COUNTED = 0x10000u;  // more than the columns of any row that windowSelect takes
constexpr float FURTHEST_MOVE = 0x1p23f;

// Keys from `low` on and below `high`.
struct Window {
  unsigned low;
  unsigned high;
};

// What a block knows of the row before: its threshold, 0 if there is none, and the mean distance between keys there.
struct Before {
  unsigned key;
  float distance;
};

// What the threads of a block tell each other; in shared memory.
struct Guess {
  unsigned total;                 // of the first pass
  unsigned totals[MOST_WINDOWS];  // of the others: keys below the window << 16 | keys in it
  unsigned columns[WINDOW_CANDIDATES];
  Before before;
  Threshold threshold;

  __device__ __forceinline__ void clearTotals() {
#pragma unroll
    for (unsigned i = 0; i < MOST_WINDOWS; i++) {
      totals[i] = 0;
    }
  }

  // To be followed by a barrier.
  __device__ __forceinline__ void clear() {
    if (threadIdx.x == 0) {
      total = 0;
      clearTotals();
      before = {0u, 0.0f};
    }
  }
};

// What a pass found.
struct Counted {
  unsigned below;
  unsigned inside;

  // Whether the rank-th key is in the window, and all that are were written down.
  __device__ __forceinline__ bool holds(unsigned rank) const {
    return rank - below - 1u < inside && inside <= WINDOW_CANDIDATES;
  }
};

// What is known after a row whose threshold was found without a guess. The distance is that around the middle of a normal
// distribution.
static __device__ __forceinline__ Before firstBefore(const Threshold &threshold, unsigned size) {
  return {threshold.key < INFINITE ? threshold.key : 0u, __fdividef(0x1.8p24f, static_cast<float>(size))};
}

// The window `keys` wide around the key that is `missing` keys above another.
static __device__ __forceinline__ Window windowAround(unsigned key, float missing, float keys, float distance) {
  float move = min(max(missing * distance, -FURTHEST_MOVE), FURTHEST_MOVE);
  float half = min(keys * 0.5f * distance, FURTHEST_MOVE) + 1.0f;
  // As unsigned: beside the largest keys the end may be beyond an int. Such a window holds nothing, and guesses miss.
  int low = static_cast<int>(key + static_cast<unsigned>(static_cast<int>(move - half)));
  int high = static_cast<int>(key + static_cast<unsigned>(static_cast<int>(move + half)));
  return {static_cast<unsigned>(max(low, 1)), static_cast<unsigned>(min(max(high, 2), static_cast<int>(INFINITE)))};
}

// The mean distance between the keys in a window.
static __device__ __forceinline__ float distanceIn(const Window &window, const Counted &counted) {
  return __fdividef(static_cast<float>(window.high - window.low), static_cast<float>(max(counted.inside, 1u)));
}

// Counts the keys below a limit, or returns NOT_COUNTED at least if not all weights are finite.
template <class Row>
static __device__ __forceinline__ unsigned countBelow(const Row &row, unsigned limit, Guess &guess) {
  bool finite = __all_sync(ALL_LANES, row.finite());
  unsigned lower = 0;
  row.forEachPart([&](const auto &part) {
    unsigned below = 0;
    part.forEachKeysDown([&](const unsigned *keys) {
      below = appendLower<Row::WIDTH>(below, keys, __uint_as_float(limit));
    });
    lower += static_cast<unsigned>(__popc(below));
  });
  unsigned total = warpTotal(finite ? lower : NOT_COUNTED);
  if (laneIndex() == 0) {
    atomicAdd(&guess.total, total);
  }
  __syncthreads();
  return guess.total;
}

// Writes down the columns of the bits of all lanes, from `place` on in any order.
template <class Part>
static __device__ __forceinline__ void writeColumns(const Part &part, unsigned bits, unsigned place, Guess &guess) {
  unsigned active = __ballot_sync(ALL_LANES, bits != 0u);
  while (active != 0u) {
    if (bits != 0u) {
      unsigned item = static_cast<unsigned>(__ffs(static_cast<int>(bits))) - 1u;
      unsigned before = active & ((1u << laneIndex()) - 1u);
      guess.columns[place + static_cast<unsigned>(__popc(before))] = part.columnOfItem(item);
      bits &= bits - 1u;
    }
    place += static_cast<unsigned>(__popc(active));
    active = __ballot_sync(ALL_LANES, bits != 0u);
  }
}

// Counts the keys below a window and in it, and writes down the columns of the latter.
template <class Row>
static __device__ __forceinline__ Counted countWindow(
    const Row &row, const Window &window, Guess &guess, unsigned &windowTotal) {
  row.forEachPart([&](const auto &part) {
    unsigned below = 0;
    unsigned upTo = 0;
    part.forEachKeysDown([&](const unsigned *keys) {
      below = appendLower<Row::WIDTH>(below, keys, __uint_as_float(window.low));
      upTo = appendLower<Row::WIDTH>(upTo, keys, __uint_as_float(window.high));
    });
    unsigned inside = upTo & ~below;
    unsigned mine = static_cast<unsigned>(__popc(below)) << 16 | static_cast<unsigned>(__popc(inside));
    unsigned total = warpTotal(mine);
    unsigned place = 0;
    if (laneIndex() == 0) {
      place = atomicAdd(&windowTotal, total);
    }
    place = __shfl_sync(ALL_LANES, place, 0) & 0xffffu;
    if (place + (total & 0xffffu) <= WINDOW_CANDIDATES) {
      writeColumns(part, inside, place, guess);
    }
  });
  __syncthreads();
  unsigned all = windowTotal;
  if (threadIdx.x == 0) {
    // Everybody has read it.
    guess.total = 0;
  }
  return {all >> 16, all & 0xffffu};
}

// How many of a warp's values are lower than a limit; all are below 2^31.
static __device__ __forceinline__ unsigned countLower(const unsigned *values, unsigned limit) {
  unsigned bits = 0;
#pragma unroll
  for (unsigned i = 0; i < LANE_CANDIDATES; i++) {
    bits = __funnelshift_l(values[i] - limit, bits, 1);
  }
  return warpTotal(static_cast<unsigned>(__popc(bits)));
}

// The rank-th lowest of a warp's values, of which `count` lie in a range [low, high) that holds it. Leaves in `count` how
// many are equal to it, or 1, and in `rank` which of them it is.
static __device__ __forceinline__ unsigned lowestOfWarp(
    const unsigned *values, unsigned low, unsigned high, unsigned &rank, unsigned &count) {
  unsigned before = 0;
  while (count > 1u && high - low > 1u) {
    unsigned middle = low + (high - low) / 2u;
    unsigned lower = countLower(values, middle) - before;
    if (lower >= rank) {
      count = lower;
      high = middle;
    } else {
      count -= lower;
      rank -= lower;
      before += lower;
      low = middle;
    }
  }
  unsigned found = 0;
#pragma unroll
  for (unsigned i = 0; i < LANE_CANDIDATES; i++) {
    found = values[i] - low < high - low ? values[i] : found;
  }
  return warpHighest(found);
}

// Guesses the first row's threshold from its sample: the sample's keys SAMPLE_MARGIN ranks below the one that is wanted and
// above it, between which the row's own lies 5 times in 6 where half of it goes.
template <class Row>
static __device__ __forceinline__ void guessFromSample(const Row &row, unsigned rank, Guess &guess) {
  unsigned size = row.size();
  unsigned sampled = min(size, WINDOW_CANDIDATES);
  unsigned middle = rank * sampled / size;
  unsigned lower = middle > SAMPLE_MARGIN ? middle - SAMPLE_MARGIN : 1u;
  unsigned upper = min(middle + SAMPLE_MARGIN, sampled);
  for (unsigned side = warpIndex(); side < 2u; side += blockDim.x / 32u) {
    unsigned values[LANE_CANDIDATES];
#pragma unroll
    for (unsigned i = 0; i < LANE_CANDIDATES; i++) {
      unsigned index = i * 32u + laneIndex();
      values[i] = index < sampled ? row.key(index * size / sampled) : NO_CANDIDATE;
    }
    unsigned place = side == 0u ? lower : upper;
    unsigned count = sampled;
    unsigned key = lowestOfWarp(values, 0u, NO_CANDIDATE, place, count);
    if (laneIndex() == 0) {
      guess.columns[side] = key;
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    unsigned low = guess.columns[0];
    unsigned high = guess.columns[1];
    float keys = static_cast<float>(size) * static_cast<float>(upper - lower) / static_cast<float>(sampled);
    bool usual = low > 0u && low < high && high < INFINITE;
    guess.before = {usual ? low + (high - low) / 2u : 0u, usual ? __fdividef(static_cast<float>(high - low), keys) : 0.0f};
  }
  __syncthreads();
}

// Finds the rank-th of the `count` candidates. For one warp.
template <class Row>
static __device__ __forceinline__ Threshold chooseCandidate(
    const Row &row, const Window &window, unsigned rank, unsigned count, const Guess &guess) {
  unsigned values[LANE_CANDIDATES];
#pragma unroll
  for (unsigned i = 0; i < LANE_CANDIDATES; i++) {
    unsigned index = i * 32u + laneIndex();
    values[i] = index < count ? row.key(guess.columns[index]) : NO_CANDIDATE;
    // One after the other, so that no more registers hold addresses.
    __syncwarp();
  }
  unsigned key = lowestOfWarp(values, window.low, window.high, rank, count);
  if (rank == count) {
    return {key, OUTSIDE};
  }
#pragma unroll
  for (unsigned i = 0; i < LANE_CANDIDATES; i++) {
    values[i] = values[i] == key ? guess.columns[i * 32u + laneIndex()] : NO_CANDIDATE;
  }
  return {key, lowestOfWarp(values, 0u, row.size(), rank, count) + 1u};
}

// Finds what to pick so that it is the `rank` lowest keys, or returns false. If it finds it, it remembers it for the next
// row. Every thread of the block has to come here. Between two calls, and before the first, `guess` may be written by
// others if barriers are before and after.
//
// row.size(): how many columns there are, less than NOT_COUNTED; row.finite(): whether the thread's weights are;
// row.forEachPart(f) calls f(part) on all threads alike; part.forEachKeysDown(f) calls f(keys) for Row::WIDTH neighbouring
// columns each, from the last of the thread's vectors to the first, 32 columns at most, of which part.columnOfItem(i) is
// the i-th; row.key(column) computes a key.
template <class Row>
static __device__ __forceinline__ bool windowSelect(
    const Row &row, unsigned rank, Guess &guess, Threshold &threshold) {
  if (guess.before.key == 0u || rank == 0u || rank == row.size()) {
    return false;
  }
  unsigned lower = countBelow(row, guess.before.key, guess);
  if (lower >= NOT_COUNTED) {
    return false;
  }
  Before before = guess.before;
  float missing = static_cast<float>(static_cast<int>(rank - lower));
  Window window = windowAround(before.key, missing, min(32.0f + 0.5f * fabsf(missing), 96.0f), before.distance);
#pragma unroll 1
  for (unsigned i = 0; i < MOST_WINDOWS; i++) {
    Counted counted = countWindow(row, window, guess, guess.totals[i]);
    unsigned left = rank - counted.below;
    if (counted.holds(rank)) {
      if (warpIndex() == 0) {
        Threshold chosen = chooseCandidate(row, window, left, counted.inside, guess);
        if (laneIndex() == 0) {
          guess.threshold = chosen;
          guess.before = {chosen.key, 0.75f * guess.before.distance + 0.25f * distanceIn(window, counted)};
        }
      }
      __syncthreads();
      if (threadIdx.x == 0) {
        guess.clearTotals();
      }
      threshold = guess.threshold;
      return true;
    }
    window = windowAround(window.low, static_cast<float>(static_cast<int>(left)), 64.0f, distanceIn(window, counted));
  }
  return false;
}
