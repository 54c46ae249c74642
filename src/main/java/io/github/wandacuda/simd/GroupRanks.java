package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.util.Arrays;
import jdk.incubator.vector.IntVector;

/**
 * Ranks the keys of each group of consecutive columns, if a group's share of a plane fits a vector:
 * each key is compared with every other one of its group by rotating the group's lanes. A vector
 * takes as many whole groups as fit; lanes left over compute ranks that those of the next vector
 * overwrite.
 */
final class GroupRanks {
  private static final int SIGN = Integer.SIZE - 1;

  private final KeyLayout planes;
  private final int groupLanes;
  private final int step;
  private final int[] rotations;

  /** For each rotation, 1 in the lanes that meet a lane to their left. */
  private final int[] lowerColumn;

  /** For each rotation, 1 in the lanes that meet a lane to their left, or themselves. */
  private final int[] lowerOrSameColumn;

  private final int[] ranks;

  /** Ranks from one plane to the next, with room for the lanes left over by the last vector. */
  private final int rankStride;

  /** Returns whether groups of a size can be ranked: a group's share of a plane fits a vector. */
  static boolean fits(KeyLayout planes, int size) {
    return size % planes.count() == 0 && size / planes.count() <= COUNT;
  }

  GroupRanks(KeyLayout planes, int size) {
    this.planes = planes;
    groupLanes = size / planes.count();
    step = COUNT / groupLanes * groupLanes;
    rankStride = planes.stride() + COUNT;
    ranks = new int[planes.count() * rankStride];
    rotations = new int[groupLanes * COUNT];
    lowerColumn = new int[groupLanes * COUNT];
    lowerOrSameColumn = new int[groupLanes * COUNT];
    for (int r = 0; r < groupLanes; r++) {
      int[] source = rotated(r);
      System.arraycopy(source, 0, rotations, r * COUNT, COUNT);
      for (int lane = 0; lane < COUNT; lane++) {
        lowerColumn[r * COUNT + lane] = source[lane] < lane ? 1 : 0;
        lowerOrSameColumn[r * COUNT + lane] = source[lane] <= lane ? 1 : 0;
      }
    }
  }

  /** Replaces each key by its rank in its group, counted from 0, and leaves padding as it is. */
  void rank(int[] keys) {
    if (planes.count() == 1) {
      rankOne(keys);
    } else {
      rankTwo(keys);
    }
    for (int plane = 0; plane < planes.count(); plane++) {
      System.arraycopy(
          ranks, plane * rankStride, keys, plane * planes.stride(), planes.filled(plane));
    }
  }

  private void rankOne(int[] keys) {
    for (int i = 0; i < planes.stride(); i += step) {
      IntVector key = IntVector.fromArray(INTS, keys, i);
      IntVector rank = IntVector.zero(INTS);
      for (int r = 1; r < groupLanes; r++) {
        IntVector rotation = IntVector.fromArray(INTS, rotations, r * COUNT);
        IntVector other = rotation.selectFrom(key);
        IntVector end = key.add(IntVector.fromArray(INTS, lowerColumn, r * COUNT));
        rank = rank.add(other.sub(end).lanewise(LSHR, SIGN));
      }
      rank.intoArray(ranks, i);
    }
  }

  private void rankTwo(int[] keys) {
    int stride = planes.stride();
    for (int i = 0; i < stride; i += step) {
      IntVector even = IntVector.fromArray(INTS, keys, i);
      IntVector odd = IntVector.fromArray(INTS, keys, stride + i);
      IntVector evenRank = IntVector.zero(INTS);
      IntVector oddRank = IntVector.zero(INTS);
      for (int r = 0; r < groupLanes; r++) {
        IntVector rotation = IntVector.fromArray(INTS, rotations, r * COUNT);
        IntVector evens = rotation.selectFrom(even);
        IntVector odds = rotation.selectFrom(odd);
        IntVector lower = IntVector.fromArray(INTS, lowerColumn, r * COUNT);
        IntVector lowerOrSame = IntVector.fromArray(INTS, lowerOrSameColumn, r * COUNT);
        IntVector evenEnd = even.add(lower);
        IntVector oddEnd = odd.add(lower);
        evenRank = evenRank.add(evens.sub(evenEnd).lanewise(LSHR, SIGN));
        evenRank = evenRank.add(odds.sub(evenEnd).lanewise(LSHR, SIGN));
        oddRank = oddRank.add(odds.sub(oddEnd).lanewise(LSHR, SIGN));
        oddRank = oddRank.add(evens.sub(odd.add(lowerOrSame)).lanewise(LSHR, SIGN));
      }
      evenRank.intoArray(ranks, i);
      oddRank.intoArray(ranks, rankStride + i);
    }
  }

  private int[] rotated(int rotation) {
    int[] source = new int[COUNT];
    Arrays.setAll(source, lane -> lane);
    for (int lane = 0; lane < step; lane++) {
      int inGroup = lane % groupLanes;
      source[lane] = lane - inGroup + (inGroup + rotation) % groupLanes;
    }
    return source;
  }
}
