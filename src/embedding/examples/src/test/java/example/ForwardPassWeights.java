package example;

import example.NormsOfYourForwardPass.Layer;
import io.github.wandacuda.library.Pruner;
import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;

/** Compares what {@link NormsOfYourForwardPass} prunes with a sort of scores in plain Java. */
final class ForwardPassWeights {
  private static final int IN = 64;
  private static final int OUT = 96;
  private static final int TOKENS = 32;
  private static final int SEQUENCES = 8;

  private ForwardPassWeights() {}

  /** Argument: a backend. */
  public static void main(String[] args) {
    Random random = new Random(5);
    float[] dense = numbers(random, OUT * IN);
    double[] squares = new double[IN];
    try (Pruner pruner = Pruner.builder().backend(args[0]).open();
        Layer layer = new Layer(dense.clone(), IN, OUT, pruner.columnNorms(IN))) {
      for (int i = 0; i < SEQUENCES; i++) {
        float[] inputs = eighths(random, TOKENS * IN);
        layer.forward(inputs);
        for (int j = 0; j < inputs.length; j++) {
          squares[j % IN] += inputs[j] * inputs[j];
        }
      }
      layer.prune(pruner, SEQUENCES);
      float[] expected = pruned(dense, squares);
      long equal =
          IntStream.range(0, dense.length).filter(i -> expected[i] == layer.weights()[i]).count();
      System.out.println("weights equal " + equal + " of " + dense.length);
    }
  }

  /** Two of four columns of a row go: those of the lowest scores. */
  private static float[] pruned(float[] dense, double[] squares) {
    float[] weights = dense.clone();
    for (int group = 0; group < dense.length; group += 4) {
      IntStream.range(group, group + 4)
          .boxed()
          .sorted(
              Comparator.comparing(
                  i -> Math.abs(dense[i]) * (float) Math.sqrt(squares[i % IN] / SEQUENCES)))
          .limit(2)
          .forEach(i -> weights[i] = 0);
    }
    return weights;
  }

  /** Numbers whose squares any order sums without rounding. */
  private static float[] eighths(Random random, int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = random.nextInt(-16, 17) / 8f;
    }
    return numbers;
  }

  private static float[] numbers(Random random, int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) random.nextGaussian();
    }
    return numbers;
  }
}
