package io.github.wandacuda.pruning.fit;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.pruning.mask.PackedMasks;
import io.github.wandacuda.scalar.RowArithmetic;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarRows;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.function.Function;

/** A small layer: its weights, a mask, and what its inputs were, in arrays that tests look at. */
public final class LayerCase {
  /** The three rows of weights and six tokens for which results were worked out by hand. */
  static final float[][] WEIGHTS = {
    {0.5f, -0.2f, 0.3f, 0.1f}, {1, 0.9f, -0.4f, 0.25f}, {-0.6f, 0.05f, 0.8f, -0.7f}
  };

  static final double[][] TOKENS = {
    {1, 2, 0, 1}, {0, 1, 1, 2}, {2, 0, 1, 1}, {1, 1, 1, 0}, {3, 1, 0, 2}, {0, 2, 2, 1}
  };

  /** What Wanda keeps of these at half the weights. */
  static final boolean[][] WANDA = {
    {true, false, true, false}, {true, true, false, false}, {true, false, false, true}
  };

  public final float[][] weights;
  public final boolean[][] kept;
  public final float[][] gram;

  public LayerCase(float[][] weights, boolean[][] kept, float[][] gram) {
    this.weights = weights;
    this.kept = kept;
    this.gram = gram;
  }

  public LayerCase(float[][] weights, boolean[][] kept, double[][] tokens) {
    this(weights, kept, gram(tokens));
  }

  private static float[][] gram(double[][] tokens) {
    Gram gram = gram(tokens, 1);
    float[][] square = new float[gram.columns()][gram.columns()];
    for (int i = 0; i < square.length; i++) {
      for (int j = 0; j < square.length; j++) {
        square[i][j] = gram.get(i, j);
      }
    }
    return square;
  }

  /** Returns the second moments of tokens, scaled. */
  public static Gram gram(double[][] tokens, double scale) {
    int columns = tokens[0].length;
    float[] triangle = new float[(int) Gram.elements(columns)];
    for (int i = 0, at = 0; i < columns; i++) {
      for (int j = i; j < columns; j++) {
        double sum = 0;
        for (double[] token : tokens) {
          sum += token[i] * token[j];
        }
        triangle[at++] = (float) (scale * sum);
      }
    }
    return new Gram(columns, MemorySegment.ofArray(triangle));
  }

  static double meanDiagonal(Gram gram) {
    double sum = 0;
    for (int column = 0; column < gram.columns(); column++) {
      sum += gram.get(column, column);
    }
    return sum / gram.columns();
  }

  /** Returns tokens, as float32 has them, whose neighbouring columns resemble each other. */
  public static double[][] tokens(int count, int columns, long seed) {
    Random random = new Random(seed);
    double[][] tokens = new double[count][columns];
    for (double[] token : tokens) {
      float common = 0;
      for (int c = 0; c < columns; c++) {
        common = .7f * common + (float) random.nextGaussian();
        token[c] = common * (1 + c % 5);
      }
    }
    return tokens;
  }

  public static float[][] weights(int rows, int columns, long seed) {
    Random random = new Random(seed);
    float[][] weights = new float[rows][columns];
    for (float[] row : weights) {
      for (int c = 0; c < columns; c++) {
        row[c] = (float) random.nextGaussian();
      }
    }
    return weights;
  }

  public static float[][] values(WeightMatrix matrix) {
    float[][] values = new float[matrix.rows()][matrix.columns()];
    for (int row = 0; row < values.length; row++) {
      for (int c = 0; c < matrix.columns(); c++) {
        values[row][c] = matrix.get(row, c);
      }
    }
    return values;
  }

  /** Returns the layer that was worked out by hand. */
  static LayerCase known() {
    return new LayerCase(WEIGHTS, WANDA, TOKENS);
  }

  /**
   * Draws a layer whose inputs depend on each other, some columns of them always zero.
   *
   * @param group columns of which each row keeps the same number, between none and all
   */
  public static LayerCase random(long seed, int rows, int columns, int group) {
    Random random = new Random(seed);
    double[][] tokens = new double[columns / 2 + 3][columns];
    double[] scale = random.doubles(columns, -1, 2).map(Math::exp).toArray();
    for (double[] token : tokens) {
      double common = random.nextGaussian();
      for (int k = 0; k < columns; k++) {
        token[k] = k % 7 == 5 ? 0 : scale[k] * (common + random.nextGaussian());
      }
    }
    float[][] weights = new float[rows][columns];
    boolean[][] kept = new boolean[rows][columns];
    for (int row = 0; row < rows; row++) {
      for (int k = 0; k < columns; k++) {
        weights[row][k] = random.nextInt(10) == 0 ? 0 : (float) random.nextGaussian();
      }
      for (int first = 0; first < columns; first += group) {
        int keptOnes = random.nextInt(4) > 0 ? group / 2 : random.nextInt(group + 1);
        for (int drawn = 0; drawn < keptOnes; ) {
          int k = first + random.nextInt(group);
          drawn += kept[row][k] ? 0 : 1;
          kept[row][k] = true;
        }
      }
    }
    return new LayerCase(weights, kept, tokens);
  }

  public int columns() {
    return gram.length;
  }

  /** Returns the second moments as the program holds them. */
  public Gram packed(Arena arena) {
    int columns = columns();
    MemorySegment triangle = arena.allocate(Gram.elements(columns) * Float.BYTES, Float.BYTES);
    for (int i = 0; i < columns; i++) {
      MemorySegment row = MemorySegment.ofArray(gram[i]).asSlice((long) i * Float.BYTES);
      triangle.asSlice(Gram.rowStart(columns, i) * Float.BYTES).copyFrom(row);
    }
    return new Gram(columns, triangle);
  }

  /** Returns the mask as the program holds it. */
  public MemorySegment mask() {
    MemorySegment mask =
        MemorySegment.ofArray(new byte[(int) (kept.length * Selector.maskRowBytes(columns()))]);
    for (int row = 0; row < kept.length; row++) {
      PackedMasks.write(kept[row], mask, row);
    }
    return mask;
  }

  public boolean[][] unpacked(MemorySegment mask) {
    boolean[][] rows = new boolean[kept.length][columns()];
    for (int row = 0; row < rows.length; row++) {
      PackedMasks.read(mask, row, rows[row]);
    }
    return rows;
  }

  public static WeightMatrix matrix(float[]... rows) {
    float[] all = new float[rows.length * rows[0].length];
    for (int row = 0; row < rows.length; row++) {
      System.arraycopy(rows[row], 0, all, row * rows[0].length, rows[0].length);
    }
    return WeightMatrix.of(MemorySegment.ofArray(all), DType.F32, rows.length, rows[0].length);
  }

  /** Returns {@code (w - v) G (w - v)} of a row for v of the row that is given. */
  public double error(int row, float[] v) {
    double[] difference = new double[columns()];
    for (int k = 0; k < difference.length; k++) {
      difference[k] = (double) weights[row][k] - v[k];
    }
    double sum = 0;
    for (int i = 0; i < difference.length; i++) {
      for (int j = 0; j < difference.length; j++) {
        sum += difference[i] * gram[i][j] * difference[j];
      }
    }
    return sum;
  }

  /** Returns the row's error when it is pruned by a mask. */
  public double error(int row, boolean[] mask) {
    return error(row, pruned(row, mask));
  }

  /** Returns the weights with what its mask prunes as zeros. */
  public float[][] masked() {
    float[][] rows = new float[weights.length][];
    for (int row = 0; row < rows.length; row++) {
      rows[row] = pruned(row, kept[row]);
    }
    return rows;
  }

  float[] pruned(int row, boolean[] mask) {
    float[] v = weights[row].clone();
    for (int k = 0; k < v.length; k++) {
      v[k] = mask[k] ? v[k] : 0;
    }
    return v;
  }

  /** Runs work on the layer's inputs, on the CPU's scalar forward pass. */
  public <T> T on(int threads, Function<SquareGram, T> work) {
    return on(new ScalarRows(), threads, work);
  }

  public <T> T on(RowArithmetic arithmetic, int threads, Function<SquareGram, T> work) {
    try (Arena arena = Arena.ofShared();
        Workers workers = new Workers(threads)) {
      Operations operations = CpuOperations.checked(new ScalarForward(), workers);
      try (SquareGram square = new SquareGram(operations, workers, packed(arena), arithmetic)) {
        return work.apply(square);
      }
    }
  }
}
