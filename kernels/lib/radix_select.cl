// The exact threshold of the lowest scores of a row, by a radix select; included, not compiled by itself.
//
// Values between a lower and an upper bound are counted in BINS bins of equal width; the bin that the wanted value is
// in gives new bounds, until a bin is one value wide or all of it is pruned. The first bounds are the row's own lowest and
// highest score, so that bits that all scores share cost nothing: a row takes two passes, three at most, with 2^11
// bins. Ties at the threshold are broken by the lowest columns: the same search, once more, over the columns of the tied
// elements.
//
// Counts are integers in local memory, so that the order of atomic additions doesn't show.
//
// The including file defines BIN_BITS, LANES, struct row, slots(row) and slot_keys(row, slot, keys): a work-item takes
// one slot of LANES neighbouring columns at a time, column c being lane c % LANES of slot c / LANES. The group's size
// is a power of two. Loops over barriers have one way out and kernels no early return: not every compiler takes those.

#define BINS (1 << BIN_BITS)

// Local memory of a search.
struct scratch {
  __local uint *bins;      // BINS, and enough for reduce
  __local uint *partial;   // ITEMS
  __local uint *level;     // ITEMS / LEVEL
  __local uint *found;     // 3
};

// What is pruned: keys below `key`, and keys equal to it in columns below `end`.
struct threshold {
  uint key;
  uint end;
};

static bool is_picked(struct threshold threshold, uint key, uint column) {
  return key < threshold.key || (key == threshold.key && column < threshold.end);
}

// Counts the keys from `low` to `low + span`, or the columns in that range whose key is `tied` if that isn't PAST.
static void count_values(struct row row, uint tied, uint low, uint span, uint shift, __local uint *bins) {
  for (uint slot = get_local_id(0); slot < slots(row); slot += get_local_size(0)) {
    uint keys[LANES];
    slot_keys(row, slot, keys);
    for (uint j = 0; j < LANES; j++) {
      uint column = keys[j] == tied ? LANES * slot + j : PAST;
      uint place = (tied == PAST ? keys[j] : column) - low;
      if (place <= span) {
        atomic_inc(&bins[place >> shift]);
      }
    }
  }
}

// Finds the bin that holds the wanted-th value; returns it, the values before it and those inside it.
static uint3 find_bin(uint wanted, struct scratch scratch) {
  uint item = get_local_id(0);
  uint size = get_local_size(0);
  uint share = BINS / size;
  uint first = item * share;
  uint own = 0;
  for (uint j = 0; j < share; j++) {
    own += scratch.bins[first + ((j + item) & (share - 1))]; // rotated: work-items stay out of each other's banks
  }
  scratch.partial[item] = own;
  barrier(CLK_LOCAL_MEM_FENCE);
  if (item * LEVEL < size) {
    uint sum = 0;
    for (uint i = item * LEVEL; i < min(size, (item + 1) * LEVEL); i++) {
      sum += scratch.partial[i];
    }
    scratch.level[item] = sum;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  uint before = 0;
  for (uint i = 0; i < item / LEVEL; i++) {
    before += scratch.level[i];
  }
  for (uint i = item / LEVEL * LEVEL; i < item; i++) {
    before += scratch.partial[i];
  }
  if (before < wanted && wanted <= before + own) {
    uint bin = first;
    while (before + scratch.bins[bin] < wanted) {
      before += scratch.bins[bin++];
    }
    scratch.found[0] = bin;
    scratch.found[1] = before;
    scratch.found[2] = scratch.bins[bin];
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  return (uint3)(scratch.found[0], scratch.found[1], scratch.found[2]);
}

// Returns the threshold that prunes the `wanted` lowest keys.
// low, high: bounds of the keys that are not 0; zeros: the number of those that are; columns: of the row
static struct threshold radix_select(
    struct row row, uint low, uint high, uint zeros, uint wanted, uint columns, struct scratch scratch) {
  struct threshold threshold = {0, wanted == 0 ? 0 : columns};
  bool searching = wanted != 0 && wanted != zeros;
  uint tied = PAST; // PAST while keys are searched through, then the key whose columns are
  if (wanted < zeros) {
    tied = 0;
    low = 0;
    high = columns - 1;
  } else {
    wanted -= zeros;
  }
  while (searching) {
    uint span = high - low;
    uint shift = max(32u - clz(span), (uint)BIN_BITS) - BIN_BITS;
    for (uint bin = get_local_id(0); bin < BINS; bin += get_local_size(0)) {
      scratch.bins[bin] = 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    count_values(row, tied, low, span, shift, scratch.bins);
    barrier(CLK_LOCAL_MEM_FENCE);
    uint3 found = find_bin(wanted, scratch);
    wanted -= found.y;
    low += found.x << shift;
    high = low + (1u << shift) - 1;
    bool exact = wanted == found.z || shift == 0; // all of the bin is pruned, or it is one value wide
    if (exact && tied != PAST) {
      threshold.end = high + 1;
      searching = false;
    } else if (exact) {
      threshold.key = high;
      searching = wanted < found.z;
      tied = high;
      low = 0;
      high = columns - 1;
    }
  }
  return threshold;
}
