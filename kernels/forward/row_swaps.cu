// Swaps that improve masks, row by row: a kept weight is pruned and a pruned one restored while that lessens the error of the
// row's output (SparseSwaps, arXiv 2512.10922). Which swap comes next, and all arithmetic, is as MaskSwaps and RowSwaps say,
// in float64, so that masks are the CPU's to the bit.
//
//   row_swaps        any kept weight of a row for any pruned one, found by bounds below what each kept one's swaps change
//   row_group_swaps  within groups of `size` columns: the best pair of all groups
//
// A block of whole warps has a row (grid.x); thread t has columns, or groups, t, t + blockDim.x and so on. What threads find is
// combined by minima, whose order doesn't show, ties going to the lowest column; the three sums that have an order of their
// own, of a row's error before and after, are added by one thread from shared memory. c, c at first and the bounds, 24 bytes
// a column, are in device memory, of which a cache holds what is in use: a look at a kept column reads 28 bytes a column and
// takes 6 float64 operations, a swap 64 bytes and 20, a swap within groups 40 bytes and 4 * size + 8. Shared memory: 5 KiB.
#include <climits>

#include "java_math.cuh"
#include "reduce.cuh"

constexpr unsigned MOST_THREADS = 256;

// What a swap must gain, as a part of the error; and an error that is but rounding, as a part of where it began.
constexpr double LEAST_GAIN = 1e-6;
constexpr double ROUNDED = 1.0 / 1024;

// Pairs of columns that are looked at once a swap gains.
constexpr int PAIRS = 1 << 14;

// A row whose mask is being improved; pointers are to its own elements, but for what all rows share.
struct Row {
  const float *w, *products;
  float *kept, *before;
  double *c, *begun, *bounds;
  const float *gram, *diagonal;
  const double *reach;
  long long stride;
  int columns;
  double error;

  __device__ __forceinline__ double twice(int k) const { return 2.0 * w[k]; }
  __device__ __forceinline__ double square(int k) const { return static_cast<double>(w[k]) * w[k] * diagonal[k]; }
  __device__ __forceinline__ bool isOpen(int k) const { return kept[k] == 0 && diagonal[k] > 0; }

  // What pruning i changes, infinite if it is pruned; what restoring j does, infinite if it isn't to be restored; and what
  // both together do beyond that.
  __device__ __forceinline__ double pruning(int i) const { return fma(twice(i), c[i], kept[i] != 0 ? square(i) : INFINITY); }
  __device__ __forceinline__ double restoring(int j) const {
    return fma(-twice(j), c[j], isOpen(j) ? square(j) : INFINITY);
  }
  __device__ __forceinline__ double together(int i, int j, float element) const { return twice(i) * w[j] * element; }

  __device__ __forceinline__ double root(int k) const { return isOpen(k) ? sqrt(square(k)) : 0.0; }
  __device__ __forceinline__ double leastChange() const { return -LEAST_GAIN * higher(0.0, error); }

  // A column's c after i was pruned and j restored.
  __device__ __forceinline__ double swapped(int k, int i, int j) const {
    const double pruned = fma(static_cast<double>(w[i]), static_cast<double>(gram[i * stride + k]), c[k]);
    return fma(-static_cast<double>(w[j]), static_cast<double>(gram[j * stride + k]), pruned);
  }
};

struct Lowest {
  double value;
  int column;
};

static __device__ __forceinline__ Lowest lowest(Lowest a, Lowest b) {
  return b.value < a.value || (b.value == a.value && b.column < a.column) ? b : a;
}

struct Extremes {
  double fall, restoring, root;
};

struct Shared {
  double terms[2][MOST_THREADS];
  double sums[2];
  Lowest lowest[MAX_WARPS];
  Extremes extremes[MAX_WARPS];
};

// Combines what all threads of the block bring, for every thread. The first barrier is for who still reads `warps`.
template <class Value, class Combine, class Shuffle>
static __device__ __forceinline__ Value combined(Value own, Value *warps, Combine combine, Shuffle shuffle) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    own = combine(own, shuffle(own, distance));
  }
  __syncthreads();
  if (laneIndex() == 0) {
    warps[warpIndex()] = own;
  }
  __syncthreads();
  for (unsigned warp = 0; warp < blockDim.x / 32; warp++) {
    own = combine(own, warps[warp]);
  }
  return own;
}

// The lowest value of the block and its column.
static __device__ Lowest blockLowest(Lowest own, Shared &shared) {
  return combined(own, shared.lowest, lowest, [](Lowest of, int distance) -> Lowest {
    return {__shfl_xor_sync(ALL_LANES, of.value, distance), __shfl_xor_sync(ALL_LANES, of.column, distance)};
  });
}

static __device__ __forceinline__ Extremes both(Extremes a, Extremes b) {
  return {lower(a.fall, b.fall), lower(a.restoring, b.restoring), higher(a.root, b.root)};
}

static __device__ Extremes blockExtremes(Extremes own, Shared &shared) {
  return combined(own, shared.extremes, both, [](Extremes of, int distance) -> Extremes {
    return {__shfl_xor_sync(ALL_LANES, of.fall, distance), __shfl_xor_sync(ALL_LANES, of.restoring, distance),
            __shfl_xor_sync(ALL_LANES, of.root, distance)};
  });
}

// Adds two terms of each column in the order of columns; sums are for every thread.
template <class First, class Second>
static __device__ void orderedSums(int columns, Shared &shared, First first, Second second) {
  double sums[2] = {0, 0};
  for (int start = 0; start < columns; start += blockDim.x) {
    const int k = start + threadIdx.x;
    __syncthreads();
    if (k < columns) {
      shared.terms[0][threadIdx.x] = first(k);
      shared.terms[1][threadIdx.x] = second(k);
    }
    __syncthreads();
    const int count = min(static_cast<int>(blockDim.x), columns - start);
    for (int i = 0; threadIdx.x == 0 && i < count; i++) {
      sums[0] += shared.terms[0][i];
      sums[1] += shared.terms[1][i];
    }
  }
  if (threadIdx.x == 0) {
    shared.sums[0] = sums[0];
    shared.sums[1] = sums[1];
  }
  __syncthreads();
}

// Begins with c, and returns what the row's error is a sum of, in size.
static __device__ double begin(Row &row, Shared &shared) {
  for (int k = threadIdx.x; k < row.columns; k += blockDim.x) {
    row.begun[k] = row.c[k];
  }
  orderedSums(
      row.columns, shared, [&](int k) { return row.kept[k] != 0 ? 0.0 : row.w[k] * row.c[k]; },
      [&](int k) { return row.kept[k] != 0 ? 0.0 : row.square(k); });
  row.error = shared.sums[0];
  return higher(shared.sums[1], row.error);
}

// Computes c in float64.
static __device__ void multiply(Row &row) {
  for (int k = threadIdx.x; k < row.columns; k += blockDim.x) {
    double sum = 0;
    for (int j = 0; j < row.columns; j++) {
      if (row.kept[j] == 0) {
        const double element = row.gram[j * row.stride + k];
        sum = fma(0.0, element, fma(static_cast<double>(row.w[j]), element, sum));
      }
    }
    row.c[k] = sum;
  }
}

static __device__ void exchange(Row &row, int i, int j) {
  __syncthreads();
  if (threadIdx.x == 0) {
    row.kept[i] = 0.0f;
    row.kept[j] = 1.0f;
  }
  __syncthreads();
}

// The bound of a column by |G[i, j]| <= reach[i] sqrt(G[j, j]).
static __device__ __forceinline__ double leastByReach(const Row &row, int i, const Extremes &of) {
  return row.pruning(i) + of.restoring - fabs(row.twice(i)) * row.reach[i] * of.root;
}

struct BestSwaps {
  static __device__ int run(Row &row, int most, int, Shared &shared) {
    Extremes of = {INFINITY, INFINITY, 0.0};
    for (int k = threadIdx.x; k < row.columns; k += blockDim.x) {
      of = both(of, {INFINITY, row.restoring(k), row.root(k)});
    }
    of = blockExtremes(of, shared);
    for (int k = threadIdx.x; k < row.columns; k += blockDim.x) {
      row.bounds[k] = leastByReach(row, k, of);
    }
    int swaps = 0;
    int prune, restore;
    double best;
    while (swaps < most && find(row, prune, restore, best, shared)) {
      exchange(row, prune, restore);
      row.error += best;
      swaps++;
      carryBounds(row, prune, restore, shared);
    }
    return swaps;
  }

  // Finds a swap: columns are looked at by ascending bounds while these are below the best change, and but a few more once
  // a swap gains.
  static __device__ bool find(const Row &row, int &prune, int &restore, double &best, Shared &shared) {
    best = row.leastChange();
    bool found = false;
    for (int left = INT_MAX; left > 0; left--) {
      Lowest next = {INFINITY, INT_MAX};
      for (int k = threadIdx.x; k < row.columns; k += blockDim.x) {
        next = row.bounds[k] < best ? lowest(next, {row.bounds[k], k}) : next;
      }
      const int i = blockLowest(next, shared).column;
      if (i == INT_MAX) {
        break;
      }
      const double change = look(row, i, restore, best, shared);
      if (static_cast<int>(threadIdx.x) == i % static_cast<int>(blockDim.x)) {
        row.bounds[i] = change;
      }
      if (change < best) {
        best = change;
        prune = i;
        left = found ? left : PAIRS / row.columns + 1;
        found = true;
      }
    }
    return found;
  }

  // Looks at all swaps of a kept column: returns the lowest change, and sets the column to restore if that is below `best`.
  static __device__ double look(const Row &row, int i, int &restore, double best, Shared &shared) {
    const float *elements = row.gram + i * row.stride;
    const double factor = -row.twice(i);
    Lowest own = {INFINITY, INT_MAX};
    for (int k = threadIdx.x; k < row.columns; k += blockDim.x) {
      const double value = fma(factor * row.w[k], static_cast<double>(elements[k]), row.restoring(k));
      own = value < own.value ? Lowest{value, k} : own;
    }
    const Lowest of = blockLowest(own, shared);
    const int j = of.column == INT_MAX ? 0 : of.column;
    const double change =
        row.pruning(i) + fma(factor * row.w[j], static_cast<double>(elements[j]), row.restoring(j));
    restore = change < best ? j : restore;
    return change;
  }

  // Brings c, and the bounds with it, up to date with a swap.
  static __device__ void carryBounds(Row &row, int prune, int restore, Shared &shared) {
    Extremes of = {INFINITY, INFINITY, 0.0};
    for (int k = threadIdx.x; k < row.columns; k += blockDim.x) {
      const double after = row.swapped(k, prune, restore);
      const double more = row.twice(k) * (after - row.c[k]);
      const double shut = row.isOpen(k) && k != prune ? 0.0 : INFINITY;
      row.c[k] = after;
      row.bounds[k] += more;
      of = both(of, {shut - more, row.restoring(k), row.root(k)});
    }
    of = blockExtremes(of, shared);
    const double restoring = row.restoring(prune);
    for (int k = threadIdx.x; k < row.columns; k += blockDim.x) {
      const double byReach = leastByReach(row, k, of);
      const double carried = row.bounds[k] + of.fall;
      const double withPruned =
          row.pruning(k) + restoring - row.together(k, prune, row.gram[prune * row.stride + k]);
      row.bounds[k] = k == restore ? byReach : higher(byReach, lower(carried, withPruned));
    }
  }
};

struct GroupSwaps {
  static __device__ int run(Row &row, int most, int size, Shared &shared) {
    int swaps = 0;
    while (swaps < most) {
      const Lowest best = search(row, size, shared);
      if (best.column == INT_MAX) {
        break;
      }
      const int first = best.column - best.column % size;
      int at = 0;
      while (change(row, first + at / size, first + at % size) != best.value) {
        at++;
      }
      swap(row, size, first + at / size, first + at % size);
      row.error += best.value;
      swaps++;
    }
    return swaps;
  }

  static __device__ __forceinline__ double change(const Row &row, int i, int j) {
    return row.pruning(i) + row.restoring(j) - row.together(i, j, row.gram[i * row.stride + j]);
  }

  static __device__ void swap(Row &row, int size, int i, int j) {
    exchange(row, i, j);
    for (int group = threadIdx.x; group < row.columns / size; group += blockDim.x) {
      for (int k = group * size; k < (group + 1) * size; k++) {
        row.c[k] = row.swapped(k, i, j);
      }
    }
  }

  // The lowest change of a pair below what is worth a swap, and the pair's lower column.
  static __device__ Lowest search(Row &row, int size, Shared &shared) {
    const double least = row.leastChange();
    Lowest own = {INFINITY, INT_MAX};
    for (int group = threadIdx.x; group < row.columns / size; group += blockDim.x) {
      const int end = (group + 1) * size;
      for (int k = group * size; k < end; k++) {
        row.bounds[k] = lower(row.pruning(k), row.restoring(k));
      }
      for (int k = group * size; k < end; k++) {
        for (int other = k + 1; other < end; other++) {
          if (row.kept[k] != row.kept[other]) {
            const double both = row.together(k, other, row.gram[k * row.stride + other]);
            const double value = row.bounds[k] + row.bounds[other] - both;
            own = value < least && value < own.value ? Lowest{value, k} : own;
          }
        }
      }
    }
    return blockLowest(own, shared);
  }
};

// Improves a row by a search. An error that all but vanishes is known from products in float64 alone: then it begins anew.
// A row whose error rounding would have rise keeps its mask.
template <class Search>
static __device__ void improve(Row row, int most, int size, Shared &shared) {
  for (int k = threadIdx.x; k < row.columns; k += blockDim.x) {
    row.before[k] = row.kept[k];
    row.c[k] = row.products[k];
  }
  const double scale = begin(row, shared);
  int swaps = Search::run(row, most, size, shared);
  if (row.error < ROUNDED * scale) {
    __syncthreads();
    for (int k = threadIdx.x; k < row.columns; k += blockDim.x) {
      row.kept[k] = row.before[k];
    }
    __syncthreads();
    multiply(row);
    begin(row, shared);
    swaps = Search::run(row, most, size, shared);
  }
  orderedSums(
      row.columns, shared,
      [&](int k) {
        const int times = (row.kept[k] != 0 ? 0 : 1) + (row.before[k] != 0 ? 0 : 1);
        return (row.c[k] - row.begun[k]) * (times * static_cast<double>(row.w[k]));
      },
      [](int) { return 0.0; });
  const bool better = swaps > 0 && shared.sums[0] < 0;
  for (int k = threadIdx.x; !better && k < row.columns; k += blockDim.x) {
    row.kept[k] = row.before[k];
  }
}

template <class Search>
static __device__ __forceinline__ void improveRows(const float *w, const float *products, float *kept, const float *gram,
                                                   long long stride, const float *diagonal, const double *reach,
                                                   double *scratch, float *before, int most, int size, int columns) {
  __shared__ Shared shared;
  const long long at = static_cast<long long>(blockIdx.x) * columns;
  double *own = scratch + 3 * at;
  improve<Search>({w + at, products + at, kept + at, before + at, own, own + columns, own + 2 * columns, gram, diagonal, reach,
                   stride, columns, 0.0},
                  most, size, shared);
}

extern "C" __global__ void row_swaps(const float *w, const float *products, float *kept, const float *gram,
                                     long long stride, const float *diagonal, const double *reach, double *scratch,
                                     float *before, int most, int size, int columns) {
  improveRows<BestSwaps>(w, products, kept, gram, stride, diagonal, reach, scratch, before, most, size, columns);
}

extern "C" __global__ void row_group_swaps(const float *w, const float *products, float *kept, const float *gram,
                                           long long stride, const float *diagonal, const double *reach,
                                           double *scratch, float *before, int most, int size, int columns) {
  improveRows<GroupSwaps>(w, products, kept, gram, stride, diagonal, reach, scratch, before, most, size, columns);
}
