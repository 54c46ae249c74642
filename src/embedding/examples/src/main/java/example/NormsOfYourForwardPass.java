package example;

import io.github.wandacuda.DType;
import io.github.wandacuda.PruneResult;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.ColumnNorms;
import io.github.wandacuda.library.Pruner;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/**
 * Prunes by norms of the program's own forward pass: two layers with a ReLU between, which tell
 * what goes into them as they compute.
 */
public final class NormsOfYourForwardPass {
  private NormsOfYourForwardPass() {}

  /** A linear layer: weights [out, in], and the norms of its input columns. */
  record Layer(float[] weights, int in, int out, ColumnNorms norms) implements AutoCloseable {
    float[] forward(float[] inputs) {
      int tokens = inputs.length / in;
      norms.add(inputs, 0, tokens);
      float[] outputs = new float[tokens * out];
      for (int i = 0; i < outputs.length; i++) {
        for (int c = 0; c < in; c++) {
          outputs[i] += inputs[i / out * in + c] * weights[i % out * in + c];
        }
      }
      return outputs;
    }

    PruneResult prune(Pruner pruner, int sequences) {
      WeightMatrix weight = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, out, in);
      return pruner.prune(weight, norms.toCriterion(sequences), new Sparsity.GroupPattern(2, 4));
    }

    @Override
    public void close() {
      norms.close();
    }
  }

  /** Argument: a backend such as auto. */
  public static void main(String[] args) {
    Random random = new Random(1);
    try (Pruner pruner = Pruner.builder().backend(args[0]).open();
        Layer up = new Layer(numbers(random, 96 * 64), 64, 96, pruner.columnNorms(64));
        Layer down = new Layer(numbers(random, 64 * 96), 96, 64, pruner.columnNorms(96))) {
      int sequences = 8;
      for (int i = 0; i < sequences; i++) {
        float[] hidden = up.forward(numbers(random, 32 * 64));
        for (int j = 0; j < hidden.length; j++) {
          hidden[j] = Math.max(0, hidden[j]);
        }
        down.forward(hidden);
      }
      System.out.println(up.prune(pruner, sequences));
      System.out.println(down.prune(pruner, sequences));
    }
  }

  private static float[] numbers(Random random, int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) random.nextGaussian();
    }
    return numbers;
  }
}
