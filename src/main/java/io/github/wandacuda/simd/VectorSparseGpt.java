package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.scalar.ColumnBlock;
import io.github.wandacuda.scalar.SparseGptKernels;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** SparseGPT within a block of columns, two vectors of rows at a time. */
public final class VectorSparseGpt implements SparseGptKernels {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final int W = Lanes.COUNT;

  @Override
  public void keys(float[] rows, int count, ColumnBlock block, int[] keys, int at) {
    float[] squares = new float[block.stride()];
    Arrays.fill(squares, 1);
    for (int c = 0; c < block.width(); c++) {
      squares[c] = block.diagonalSquare(c);
    }
    int whole = F.loopBound(block.width());
    for (int row = 0; row < count; row++) {
      int from = row * block.stride();
      int to = at + row * block.width();
      for (int c = 0; c < whole; c += W) {
        FloatVector square = FloatVector.fromArray(F, squares, c);
        RowColumns.key(FloatVector.fromArray(F, rows, from + c), square).intoArray(keys, to + c);
      }
      for (int c = whole; c < block.width(); c++) {
        float score = rows[from + c] * rows[from + c] / squares[c];
        keys[to + c] = Float.floatToRawIntBits(score) & Integer.MAX_VALUE;
      }
    }
  }

  @Override
  public void pruneAtMost(
      int threshold, float[] rows, int count, ColumnBlock block, float[] changes, long[] kept) {
    RowColumns columns = new RowColumns(block);
    for (int row = 0; row < count; row += RowColumns.ROWS) {
      columns.read(rows, row);
      columns.markAtMost(threshold);
      for (int from = 0; from < block.width(); from += RowColumns.STRIP) {
        int to = Math.min(block.width(), from + RowColumns.STRIP);
        columns.update(from, to);
        columns.takeUpdated(from, to);
      }
      columns.write(rows, changes, kept, row, Math.min(count, row + RowColumns.ROWS));
    }
  }

  @Override
  public void pruneGroups(
      int pruned,
      int size,
      float[] rows,
      int count,
      ColumnBlock block,
      float[] changes,
      long[] kept) {
    RowColumns columns = new RowColumns(block);
    int[] keys = new int[size * RowColumns.ROWS];
    for (int row = 0; row < count; row += RowColumns.ROWS) {
      columns.read(rows, row);
      for (int from = 0; from < block.width(); from += size) {
        columns.update(from, from + size);
        columns.markLowest(pruned, from, size, keys);
        columns.takeUpdated(from, from + size);
      }
      columns.write(rows, changes, kept, row, Math.min(count, row + RowColumns.ROWS));
    }
  }

  /**
   * Some rows of a block of columns, transposed so that a vector holds one column of several rows:
   * all rows then take the same steps. When it is a column's turn, the changes to its left are
   * applied to it all at once, in registers and in their order.
   */
  private static final class RowColumns {
    private static final VectorSpecies<Integer> I = Lanes.INTS;

    /** Rows at a time: two vectors. */
    static final int ROWS = 2 * W;

    /** Columns that are brought up to date together. */
    static final int STRIP = 4;

    /** Marks of weights that are pruned and kept. */
    private static final float PRUNED = 1;

    private static final float KEPT = 0;

    private final ColumnBlock block;
    private final int width;
    private final int stride;
    private final float[] upper;

    /** Weights, a row of {@link #ROWS} for each column. */
    private final float[] weights;

    /**
     * For columns that are still to come, marks; for columns that have been taken, their changes.
     */
    private final float[] changes;

    /** For each column a bit for each row, 1 if its weight is kept. */
    private final long[] kept;

    private final LaneTranspose transpose = new LaneTranspose();

    RowColumns(ColumnBlock block) {
      this.block = block;
      width = block.width();
      stride = block.stride();
      upper = block.upper();
      weights = new float[stride * ROWS];
      changes = new float[stride * ROWS];
      kept = new long[stride];
    }

    void read(float[] rows, int row) {
      for (int half = 0; half < ROWS; half += W) {
        for (int c = 0; c < stride; c += W) {
          int at = (row + half) * stride + c;
          transpose.square(rows, at, stride, weights, c * ROWS + half, ROWS);
        }
      }
    }

    /** Writes weights, changes and bits of rows {@code row} to {@code rowEnd - 1}. */
    void write(float[] rows, float[] rowChanges, long[] rowKept, int row, int rowEnd) {
      for (int half = 0; half < ROWS; half += W) {
        for (int c = 0; c < stride; c += W) {
          int at = (row + half) * stride + c;
          transpose.square(weights, c * ROWS + half, ROWS, rows, at, stride);
          transpose.square(changes, c * ROWS + half, ROWS, rowChanges, at, stride);
        }
      }
      int words = block.words();
      for (int r = row; r < rowEnd; r++) {
        for (int word = 0; word < words; word++) {
          rowKept[r * words + word] = bits(r - row, word * Long.SIZE);
        }
      }
    }

    /** Returns a row's word of bits that begins with a column. */
    private long bits(int row, int from) {
      long bits = 0;
      for (int c = from; c < Math.min(width, from + Long.SIZE); c++) {
        bits |= (kept[c] >>> row & 1) << c;
      }
      return bits;
    }

    static IntVector key(FloatVector weight, FloatVector square) {
      return weight
          .mul(weight)
          .div(square)
          .viewAsIntegralLanes()
          .lanewise(VectorOperators.AND, Integer.MAX_VALUE);
    }

    private IntVector key(int column, int half) {
      FloatVector square = FloatVector.broadcast(F, block.diagonalSquare(column));
      return key(load(weights, column * ROWS + half), square);
    }

    /** Marks all weights whose keys are at most a threshold. */
    void markAtMost(int threshold) {
      for (int c = 0; c < width; c++) {
        for (int half = 0; half < ROWS; half += W) {
          mark(c, half, key(c, half).compare(VectorOperators.LE, threshold));
        }
      }
    }

    /**
     * Marks the lowest of a group.
     *
     * @param keys room for the group's keys
     */
    void markLowest(int pruned, int from, int size, int[] keys) {
      for (int c = 0; c < size; c++) {
        for (int half = 0; half < ROWS; half += W) {
          key(from + c, half).intoArray(keys, c * ROWS + half);
        }
      }
      for (int c = 0; c < size; c++) {
        for (int half = 0; half < ROWS; half += W) {
          IntVector before = before(keys, c, size, half);
          mark(from + c, half, before.compare(VectorOperators.LT, pruned));
        }
      }
    }

    /**
     * Returns, for each row, how many keys of a group come before one of its columns: lower ones,
     * and equal ones in columns to its left.
     */
    private static IntVector before(int[] keys, int column, int size, int half) {
      IntVector own = IntVector.fromArray(I, keys, column * ROWS + half);
      IntVector before = IntVector.zero(I);
      for (int c = 0; c < column; c++) {
        IntVector other = IntVector.fromArray(I, keys, c * ROWS + half);
        before = before.add(1, other.compare(VectorOperators.LE, own));
      }
      for (int c = column + 1; c < size; c++) {
        IntVector other = IntVector.fromArray(I, keys, c * ROWS + half);
        before = before.add(1, other.compare(VectorOperators.LT, own));
      }
      return before;
    }

    private void mark(int column, int half, VectorMask<Integer> lowest) {
      boolean dead = block.dead()[column];
      VectorMask<Float> pruned = dead ? F.maskAll(true) : lowest.cast(F);
      FloatVector.broadcast(F, KEPT).blend(PRUNED, pruned).intoArray(changes, column * ROWS + half);
      long bits = pruned.not().toLong() << half;
      kept[column] = half == 0 ? bits : kept[column] | bits;
    }

    /**
     * Applies all changes to the left of column {@code from} to the columns from there to before
     * {@code to}.
     */
    void update(int from, int to) {
      int c = from;
      for (; c + STRIP <= to; c += STRIP) {
        updateStrip(c, from);
      }
      for (; c < to; c++) {
        for (int i = 0; i < from; i++) {
          add(i, c);
        }
      }
    }

    private void updateStrip(int column, int changed) {
      int at = column * ROWS;
      FloatVector c00 = load(weights, at);
      FloatVector c01 = load(weights, at + W);
      FloatVector c10 = load(weights, at + ROWS);
      FloatVector c11 = load(weights, at + ROWS + W);
      FloatVector c20 = load(weights, at + 2 * ROWS);
      FloatVector c21 = load(weights, at + 2 * ROWS + W);
      FloatVector c30 = load(weights, at + 3 * ROWS);
      FloatVector c31 = load(weights, at + 3 * ROWS + W);
      for (int i = 0; i < changed; i++) {
        FloatVector change0 = load(changes, i * ROWS);
        FloatVector change1 = load(changes, i * ROWS + W);
        int u = i * stride + column;
        FloatVector u0 = FloatVector.broadcast(F, upper[u]);
        c00 = change0.fma(u0, c00);
        c01 = change1.fma(u0, c01);
        FloatVector u1 = FloatVector.broadcast(F, upper[u + 1]);
        c10 = change0.fma(u1, c10);
        c11 = change1.fma(u1, c11);
        FloatVector u2 = FloatVector.broadcast(F, upper[u + 2]);
        c20 = change0.fma(u2, c20);
        c21 = change1.fma(u2, c21);
        FloatVector u3 = FloatVector.broadcast(F, upper[u + 3]);
        c30 = change0.fma(u3, c30);
        c31 = change1.fma(u3, c31);
      }
      c00.intoArray(weights, at);
      c01.intoArray(weights, at + W);
      c10.intoArray(weights, at + ROWS);
      c11.intoArray(weights, at + ROWS + W);
      c20.intoArray(weights, at + 2 * ROWS);
      c21.intoArray(weights, at + 2 * ROWS + W);
      c30.intoArray(weights, at + 3 * ROWS);
      c31.intoArray(weights, at + 3 * ROWS + W);
    }

    /**
     * Prunes the marked weights of columns to which all changes to the left of {@code from} have
     * been applied.
     */
    void takeUpdated(int from, int to) {
      for (int c = from; c < to; c++) {
        for (int half = 0; half < ROWS; half += W) {
          takeHalf(c, c * ROWS + half);
        }
        for (int right = c + 1; right < to; right++) {
          add(c, right);
        }
      }
    }

    private void takeHalf(int column, int at) {
      VectorMask<Float> pruned = load(changes, at).compare(VectorOperators.NE, KEPT);
      FloatVector weight = load(weights, at);
      FloatVector change = weight.div(block.diagonal(column)).neg();
      FloatVector.zero(F).blend(change, pruned).intoArray(changes, at);
      weight.blend(0f, pruned).intoArray(weights, at);
    }

    private void add(int column, int right) {
      FloatVector factor = FloatVector.broadcast(F, upper[column * stride + right]);
      for (int half = 0; half < ROWS; half += W) {
        FloatVector change = load(changes, column * ROWS + half);
        int at = right * ROWS + half;
        change.fma(factor, load(weights, at)).intoArray(weights, at);
      }
    }
  }
}
