package io.github.wandacuda.pruning;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.calibration.Gram;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;

/** Inputs and weights of layers to prune. */
final class Layers {
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Six tokens of four features, small enough to prune by hand. */
  static final float[][] INPUTS = {
    {1, 2, 0, 1}, {0, 1, 1, 2}, {2, 0, 1, 1}, {1, 1, 1, 0}, {3, 1, 0, 2}, {0, 2, 2, 1}
  };

  static final float[][] WEIGHTS = {
    {.5f, -.2f, .3f, .1f}, {1, .9f, -.4f, .25f}, {-.6f, .05f, .8f, -.7f}
  };

  private Layers() {}

  /** Returns the Gram matrix of some inputs, scaled. */
  static Gram gram(float[][] inputs, double scale) {
    int columns = inputs[0].length;
    MemorySegment triangle =
        Arena.ofAuto().allocate(Math.max(1, Gram.elements(columns)) * Float.BYTES);
    for (int i = 0; i < columns; i++) {
      for (int j = i; j < columns; j++) {
        double sum = 0;
        for (float[] token : inputs) {
          sum += (double) token[i] * token[j];
        }
        triangle.setAtIndex(FLOAT, Gram.rowStart(columns, i) + j - i, (float) (scale * sum));
      }
    }
    return new Gram(columns, triangle);
  }

  static double meanDiagonal(Gram gram) {
    double sum = 0;
    for (int column = 0; column < gram.columns(); column++) {
      sum += gram.get(column, column);
    }
    return sum / gram.columns();
  }

  /** Returns inputs whose neighbouring columns resemble each other. */
  static float[][] inputs(int tokens, int columns, long seed) {
    Random random = new Random(seed);
    float[][] inputs = new float[tokens][columns];
    for (float[] token : inputs) {
      float common = 0;
      for (int c = 0; c < columns; c++) {
        common = .7f * common + (float) random.nextGaussian();
        token[c] = common * (1 + c % 5);
      }
    }
    return inputs;
  }

  static float[][] weights(int rows, int columns, long seed) {
    Random random = new Random(seed);
    float[][] weights = new float[rows][columns];
    for (float[] row : weights) {
      for (int c = 0; c < columns; c++) {
        row[c] = (float) random.nextGaussian();
      }
    }
    return weights;
  }

  static WeightMatrix matrix(float[][] values) {
    int columns = values.length == 0 ? 0 : values[0].length;
    MemorySegment data =
        Arena.ofAuto().allocate(Math.max(1L, (long) values.length * columns) * Float.BYTES);
    for (int row = 0; row < values.length; row++) {
      long at = (long) row * columns * Float.BYTES;
      MemorySegment.copy(values[row], 0, data, FLOAT, at, columns);
    }
    return WeightMatrix.of(data, DType.F32, values.length, columns);
  }

  static float[][] values(WeightMatrix matrix) {
    float[][] values = new float[matrix.rows()][matrix.columns()];
    for (int row = 0; row < values.length; row++) {
      for (int c = 0; c < matrix.columns(); c++) {
        values[row][c] = matrix.get(row, c);
      }
    }
    return values;
  }
}
