// Swaps that improve masks, row by row: a kept weight is pruned and a pruned one restored while that lessens the error of the
// row's output (SparseSwaps, arXiv 2512.10922). Which swap comes next, and all arithmetic, is as MaskSwaps and RowSwaps say,
// in float64, so that masks are the CPU's to the bit.
//
//   row_swaps        any kept weight of a row for any pruned one, found by bounds below what each kept one's swaps change
//   row_group_swaps  within groups of `size` columns: the best pair of all groups
//
// A work-group has a row; work-item t has columns, or groups, t, t + ITEMS and so on. What they find is combined by minima,
// whose order doesn't show, ties going to the lowest column; the sums that have an order of their own, of a row's error
// before and after, are added by one work-item from local memory. c, c at first and the bounds, 24 bytes a column, are in
// device memory, of which a cache holds what is in use: a look at a kept column reads 28 bytes a column and takes 6 float64
// operations, a swap 64 bytes and 20, a swap within groups 40 bytes and 4 * size + 8. Local memory: 6 KiB.
//
// Barriers are in no branch, loops over them have one way out and kernels no early return: not every compiler takes others,
// or takes minutes. So a search for swaps begins with none, -1, whose making changes nothing.
#include "device_pointer.cl"
#include "java_math.cl"

// What a swap must gain, as a part of the error; and an error that is but rounding, as a part of where it began.
#define LEAST_GAIN 1e-6
#define ROUNDED (1.0 / 1024)

// Pairs of columns that are looked at once a swap gains.
#define PAIRS (1 << 14)

#define NONE INT_MAX

// A row whose mask is being improved; pointers are to its own elements, but for what all rows share.
struct row {
  __global const float *w;
  __global const float *products;
  __global float *kept;
  __global float *before;
  __global double *c;
  __global double *begun;
  __global double *bounds;
  __global const float *gram;
  __global const float *diagonal;
  __global const double *reach;
  long stride;
  int columns;
  double error;
};

// What work-items find, together in three numbers and a column.
struct shared {
  double numbers[3][ITEMS];
  int columns[ITEMS];
};

struct lowest {
  double value;
  int column;
};

struct extremes {
  double fall;
  double restoring;
  double root;
};

static double twice(const struct row *row, int k) {
  return 2.0 * (double)row->w[k];
}

static double square(const struct row *row, int k) {
  return (double)row->w[k] * (double)row->w[k] * (double)row->diagonal[k];
}

static bool is_open(const struct row *row, int k) {
  return row->kept[k] == 0.0f && row->diagonal[k] > 0.0f;
}

// What pruning i changes, infinite if it is pruned; what restoring j does, infinite if it isn't to be restored; and what
// both together do beyond that.
static double pruning(const struct row *row, int i) {
  return fma(twice(row, i), row->c[i], row->kept[i] != 0.0f ? square(row, i) : (double)INFINITY);
}

static double restoring(const struct row *row, int j) {
  return fma(-twice(row, j), row->c[j], is_open(row, j) ? square(row, j) : (double)INFINITY);
}

static double together(const struct row *row, int i, int j) {
  return twice(row, i) * (double)row->w[j] * (double)row->gram[i * row->stride + j];
}

static double root(const struct row *row, int k) {
  return is_open(row, k) ? sqrt(square(row, k)) : 0.0;
}

static double least_change(const struct row *row) {
  return -LEAST_GAIN * higher(0.0, row->error);
}

// A column's c after i was pruned and j restored.
static double swapped(const struct row *row, int k, int i, int j) {
  double pruned = fma((double)row->w[i], (double)row->gram[i * row->stride + k], row->c[k]);
  return fma(-(double)row->w[j], (double)row->gram[j * row->stride + k], pruned);
}

// The lowest value of the group and its column, for every work-item; of equal ones the first.
static struct lowest group_lowest(double value, int column, __local struct shared *shared) {
  int item = (int)get_local_id(0);
  barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
  shared->numbers[0][item] = value;
  shared->columns[item] = column;
  for (int distance = ITEMS / 2; distance > 0; distance /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    if (item < distance) {
      double other = shared->numbers[0][item + distance];
      int at = shared->columns[item + distance];
      if (other < shared->numbers[0][item] || (other == shared->numbers[0][item] && at < shared->columns[item])) {
        shared->numbers[0][item] = other;
        shared->columns[item] = at;
      }
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  struct lowest found = {shared->numbers[0][0], shared->columns[0]};
  return found;
}

static struct extremes group_extremes(struct extremes own, __local struct shared *shared) {
  int item = (int)get_local_id(0);
  barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
  shared->numbers[0][item] = own.fall;
  shared->numbers[1][item] = own.restoring;
  shared->numbers[2][item] = own.root;
  for (int distance = ITEMS / 2; distance > 0; distance /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    if (item < distance) {
      shared->numbers[0][item] = lower(shared->numbers[0][item], shared->numbers[0][item + distance]);
      shared->numbers[1][item] = lower(shared->numbers[1][item], shared->numbers[1][item + distance]);
      shared->numbers[2][item] = higher(shared->numbers[2][item], shared->numbers[2][item + distance]);
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  struct extremes found = {shared->numbers[0][0], shared->numbers[1][0], shared->numbers[2][0]};
  return found;
}

// A column's part of the error, and of what the error is a sum of in size; or of the change of the error at the end.
static double2 terms(const struct row *row, int k, bool ends) {
  if (ends) {
    int times = (row->kept[k] != 0.0f ? 0 : 1) + (row->before[k] != 0.0f ? 0 : 1);
    return (double2)((row->c[k] - row->begun[k]) * ((double)times * (double)row->w[k]), 0.0);
  }
  return row->kept[k] != 0.0f ? (double2)(0.0) : (double2)((double)row->w[k] * row->c[k], square(row, k));
}

// Adds the terms of each column in the order of columns; the sums are for every work-item.
static double2 ordered_sums(const struct row *row, bool ends, __local struct shared *shared) {
  int item = (int)get_local_id(0);
  double2 sums = (double2)(0.0);
  for (int start = 0; start < row->columns; start += ITEMS) {
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    if (start + item < row->columns) {
      double2 own = terms(row, start + item, ends);
      shared->numbers[0][item] = own.x;
      shared->numbers[1][item] = own.y;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    int count = min(ITEMS, row->columns - start);
    for (int i = 0; item == 0 && i < count; i++) {
      sums += (double2)(shared->numbers[0][i], shared->numbers[1][i]);
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  if (item == 0) {
    shared->numbers[2][0] = sums.x;
    shared->numbers[2][1] = sums.y;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  return (double2)(shared->numbers[2][0], shared->numbers[2][1]);
}

// Begins with c, and returns what the row's error is a sum of, in size.
static double begin(struct row *row, __local struct shared *shared) {
  for (int k = (int)get_local_id(0); k < row->columns; k += ITEMS) {
    row->begun[k] = row->c[k];
  }
  double2 sums = ordered_sums(row, false, shared);
  row->error = sums.x;
  return higher(sums.y, sums.x);
}

// Computes c in float64.
static void multiply(const struct row *row) {
  for (int k = (int)get_local_id(0); k < row->columns; k += ITEMS) {
    double sum = 0.0;
    for (int j = 0; j < row->columns; j++) {
      if (row->kept[j] == 0.0f) {
        double element = row->gram[j * row->stride + k];
        sum = fma(0.0, element, fma((double)row->w[j], element, sum));
      }
    }
    row->c[k] = sum;
  }
}

static void exchange(const struct row *row, int i, int j) {
  barrier(CLK_GLOBAL_MEM_FENCE);
  if (i >= 0 && get_local_id(0) == 0) {
    row->kept[i] = 0.0f;
    row->kept[j] = 1.0f;
  }
  barrier(CLK_GLOBAL_MEM_FENCE);
}

// Finds a swap and returns what it changes, or infinity if none gains or none may be made: columns are looked at by ascending
// bounds while these are below the best change, and but a few more once a swap gains.
static double find(const struct row *row, bool may, int *prune, int *restore, __local struct shared *shared) {
  int item = (int)get_local_id(0);
  double best = least_change(row);
  bool found = false;
  for (int left = may ? INT_MAX : 0; left > 0; left--) {
    double value = INFINITY;
    int column = NONE;
    for (int k = item; k < row->columns; k += ITEMS) {
      if (row->bounds[k] < best && row->bounds[k] < value) {
        value = row->bounds[k];
        column = k;
      }
    }
    int i = group_lowest(value, column, shared).column;
    bool looks = i != NONE;
    i = looks ? i : 0;
    __global const float *elements = row->gram + i * row->stride;
    double factor = -twice(row, i);
    value = INFINITY;
    column = NONE;
    for (int k = item; looks && k < row->columns; k += ITEMS) {
      double next = fma(factor * (double)row->w[k], (double)elements[k], restoring(row, k));
      if (next < value) {
        value = next;
        column = k;
      }
    }
    int j = group_lowest(value, column, shared).column;
    j = j == NONE ? 0 : j;
    double change = pruning(row, i) + fma(factor * (double)row->w[j], (double)elements[j], restoring(row, j));
    if (looks && item == i % ITEMS) {
      row->bounds[i] = change;
    }
    if (looks && change < best) {
      best = change;
      *prune = i;
      *restore = j;
      left = found ? left : PAIRS / row->columns + 1;
      found = true;
    }
    left = looks ? left : 1;
  }
  return found ? best : (double)INFINITY;
}

// Brings c, and the bounds with it, up to date with a swap; without one, sets the bounds, by |G[i, j]| <= reach[i]
// sqrt(G[j, j]).
static void carry_bounds(const struct row *row, int prune, int restore, __local struct shared *shared) {
  struct extremes of = {INFINITY, INFINITY, 0.0};
  for (int k = (int)get_local_id(0); k < row->columns; k += ITEMS) {
    double more = 0.0;
    if (prune >= 0) {
      double after = swapped(row, k, prune, restore);
      more = twice(row, k) * (after - row->c[k]);
      row->c[k] = after;
      row->bounds[k] += more;
    }
    double shut = is_open(row, k) && k != prune ? 0.0 : (double)INFINITY;
    of.fall = lower(of.fall, shut - more);
    of.restoring = lower(of.restoring, restoring(row, k));
    of.root = higher(of.root, root(row, k));
  }
  of = group_extremes(of, shared);
  for (int k = (int)get_local_id(0); k < row->columns; k += ITEMS) {
    double by_reach =
        pruning(row, k) + of.restoring - fabs(twice(row, k)) * row->reach[k] * of.root;
    if (prune >= 0 && k != restore) {
      double carried = row->bounds[k] + of.fall;
      double element = row->gram[prune * row->stride + k];
      double with_pruned =
          pruning(row, k) + restoring(row, prune) - twice(row, k) * (double)row->w[prune] * element;
      by_reach = higher(by_reach, lower(carried, with_pruned));
    }
    row->bounds[k] = by_reach;
  }
}

static int best_swaps(struct row *row, int most, __local struct shared *shared) {
  int swaps = -1;
  int prune = -1;
  int restore = -1;
  bool gains = true;
  while (gains) {
    exchange(row, prune, restore);
    carry_bounds(row, prune, restore, shared);
    swaps++;
    double change = find(row, swaps < most, &prune, &restore, shared);
    gains = change < (double)INFINITY;
    row->error += gains ? change : 0.0;
  }
  return swaps;
}

// What a pair of a group changes, the pairs counted by kept columns.
static double change_at(const struct row *row, int first, int size, int at) {
  int i = first + at / size;
  int j = first + at % size;
  return pruning(row, i) + restoring(row, j) - together(row, i, j);
}

// The lowest change of a pair below what is worth a swap, and the pair's lower column.
static struct lowest search_groups(const struct row *row, int size, __local struct shared *shared) {
  double least = least_change(row);
  double value = INFINITY;
  int column = NONE;
  for (int group = (int)get_local_id(0); group < row->columns / size; group += ITEMS) {
    int end = (group + 1) * size;
    for (int k = group * size; k < end; k++) {
      row->bounds[k] = lower(pruning(row, k), restoring(row, k));
    }
    for (int k = group * size; k < end; k++) {
      for (int other = k + 1; other < end; other++) {
        if (row->kept[k] != row->kept[other]) {
          double next = row->bounds[k] + row->bounds[other] - together(row, k, other);
          if (next < least && next < value) {
            value = next;
            column = k;
          }
        }
      }
    }
  }
  return group_lowest(value, column, shared);
}

static int group_swaps(struct row *row, int most, int size, __local struct shared *shared) {
  int swaps = -1;
  int i = -1;
  int j = -1;
  bool gains = true;
  while (gains) {
    exchange(row, i, j);
    for (int group = (int)get_local_id(0); i >= 0 && group < row->columns / size; group += ITEMS) {
      for (int k = group * size; k < (group + 1) * size; k++) {
        row->c[k] = swapped(row, k, i, j);
      }
    }
    swaps++;
    struct lowest best = search_groups(row, size, shared);
    gains = best.column != NONE && swaps < most;
    if (gains) {
      int first = best.column - best.column % size;
      int at = 0;
      while (change_at(row, first, size, at) != best.value) {
        at++;
      }
      i = first + at / size;
      j = first + at % size;
      row->error += best.value;
    }
  }
  return swaps;
}

// Improves a row. An error that all but vanishes is known from products in float64 alone: then it begins anew. A row whose
// error rounding would have rise keeps its mask.
static void improve(struct row *row, int most, int size, bool groups, __local struct shared *shared) {
  for (int k = (int)get_local_id(0); k < row->columns; k += ITEMS) {
    row->before[k] = row->kept[k];
    row->c[k] = row->products[k];
  }
  int swaps = 0;
  int times = 1;
  for (int time = 0; time < times; time++) {
    double scale = begin(row, shared);
    swaps = groups ? group_swaps(row, most, size, shared) : best_swaps(row, most, shared);
    times = time == 0 && row->error < ROUNDED * scale ? 2 : 1;
    barrier(CLK_GLOBAL_MEM_FENCE);
    for (int k = (int)get_local_id(0); time < times - 1 && k < row->columns; k += ITEMS) {
      row->kept[k] = row->before[k];
    }
    barrier(CLK_GLOBAL_MEM_FENCE);
    if (time < times - 1) {
      multiply(row);
    }
  }
  bool better = ordered_sums(row, true, shared).x < 0.0 && swaps > 0;
  for (int k = (int)get_local_id(0); !better && k < row->columns; k += ITEMS) {
    row->kept[k] = row->before[k];
  }
}

#define SWAP_KERNEL(name, groups)                                                                                      \
  __kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void name(                                               \
      __global const float *w, ulong w_offset, __global const float *products, ulong products_offset,                  \
      __global float *kept, ulong kept_offset, __global const float *gram, ulong gram_offset, long stride,             \
      __global const float *diagonal, ulong diagonal_offset, __global const double *reach, ulong reach_offset,         \
      __global double *scratch, ulong scratch_offset, __global float *before, ulong before_offset, int most, int size, \
      int rows, int columns) {                                                                                         \
    __local struct shared shared;                                                                                      \
    long at = (long)get_group_id(0) * columns;                                                                         \
    __global double *own = POINTER(double, scratch) + 3 * at;                                                          \
    struct row row = {CONST_POINTER(float, w) + at,                                                                    \
                      CONST_POINTER(float, products) + at,                                                             \
                      POINTER(float, kept) + at,                                                                       \
                      POINTER(float, before) + at,                                                                     \
                      own,                                                                                             \
                      own + columns,                                                                                   \
                      own + 2 * columns,                                                                               \
                      CONST_POINTER(float, gram),                                                                      \
                      CONST_POINTER(float, diagonal),                                                                  \
                      CONST_POINTER(double, reach),                                                                    \
                      stride,                                                                                          \
                      columns,                                                                                         \
                      0.0};                                                                                            \
    improve(&row, most, size, groups, &shared);                                                                        \
  }

SWAP_KERNEL(row_swaps, false)
SWAP_KERNEL(row_group_swaps, true)
