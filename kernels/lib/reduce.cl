// Reductions over a work-group; included, not compiled by itself.
//
// In two levels, since a tree of one level a bit needs a barrier for each: up to LEVEL work-items gather what every
// LEVEL-th of the others has, then all of them read those few. Every work-item of the group has to call.
//
// ITEMS: the most work-items of a group, 64, 128 or 256.

#define LEVEL 16

static uint4 combine(uint4 a, uint4 b) {
  return (uint4)(min(a.xy, b.xy), a.zw + b.zw);
}

// Returns the minimum of x and of y and the sum of z and of w over the group.
// slots: as many as the group has work-items; free for other use when this returns.
static uint4 reduce(uint4 own, __local uint4 *slots) {
  uint item = get_local_id(0);
  uint size = get_local_size(0);
  slots[item] = own;
  barrier(CLK_LOCAL_MEM_FENCE);
  if (item < LEVEL) {
    for (uint i = item + LEVEL; i < size; i += LEVEL) {
      own = combine(own, slots[i]);
    }
    slots[item] = own;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  uint4 total = slots[0];
  for (uint i = 1; i < min(size, (uint)LEVEL); i++) {
    total = combine(total, slots[i]);
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  return total;
}
