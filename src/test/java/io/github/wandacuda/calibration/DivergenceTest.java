package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.calibration.DenseReference.Judged;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DivergenceTest {
  /** The first is longer than what the logits are taken by at a time; the last has one position. */
  private static final List<int[]> WINDOWS = windows(200, 37, 37, 2);

  @TempDir Path directory;

  private static List<int[]> windows(int... lengths) {
    Random random = new Random(11);
    return IntStream.of(lengths).mapToObj(length -> random.ints(length, 0, 90).toArray()).toList();
  }

  private static Path dense() {
    return TestData.fixture("llama-gqa").resolve("model");
  }

  private Path pruned() {
    Path output = directory.resolve("pruned");
    Pruning.prune(dense(), output, Method.MAGNITUDE, Pruning.HALF, new Calibration.None());
    return output;
  }

  private static Judged judged(Path dense, Path other, int threads) {
    try (CpuDecoder one = CpuDecoder.open(dense, 2);
        CpuDecoder two = CpuDecoder.open(other, 2);
        Workers workers = new Workers(threads);
        DenseReference reference = DenseReference.of(one.decoder(), WINDOWS, Progress.NONE)) {
      assertThat(reference.perplexity()).isEqualTo(one.perplexity(WINDOWS));
      return reference.judge(two.decoder(), workers, Progress.NONE);
    }
  }

  @Test
  void aModelIsNotFarFromItself() {
    Divergence none = judged(dense(), dense(), 2).divergence();

    assertThat(none.kl()).isZero();
    assertThat(none.top1Agreement()).isEqualTo(1);
    assertThat(none.positions()).isEqualTo(199 + 36 + 36 + 1);
  }

  @Test
  void aPrunedModelIsAsFarAsItsProbabilitiesSay() {
    Path pruned = pruned();
    Judged judged = judged(dense(), pruned, 2);
    double nats = 0;
    long equal = 0;
    int positions = 0;
    try (CpuDecoder one = CpuDecoder.open(dense(), 1);
        CpuDecoder two = CpuDecoder.open(pruned, 1)) {
      for (int[] window : WINDOWS) {
        List<double[]> p = probabilities(one.decoder(), window);
        List<double[]> q = probabilities(two.decoder(), window);
        for (int position = 0; position < p.size(); position++) {
          nats += divergence(p.get(position), q.get(position));
          equal += top(p.get(position)) == top(q.get(position)) ? 1 : 0;
          positions++;
        }
      }
      assertThat(judged.perplexity()).isEqualTo(two.perplexity(WINDOWS));
    }

    assertThat(judged.divergence().kl())
        .isGreaterThan(1e-3)
        .isCloseTo(nats / positions, within(1e-6));
    assertThat(judged.divergence().equalTop()).isEqualTo(equal).isLessThan(positions);
  }

  @Test
  void threadsChangeNothing() {
    Path pruned = pruned();

    assertThat(judged(dense(), pruned, 1)).isEqualTo(judged(dense(), pruned, 5));
  }

  @Test
  void ofEqualLogitsTheFirstIsTheMostProbable() {
    assertThat(of(new float[] {1, 3, 3}, new float[] {0, 2, 1}).equalTop()).isOne();
    assertThat(of(new float[] {1, 3, 3}, new float[] {0, 1, 2}).equalTop()).isZero();
  }

  @Test
  void anExcludedTokenCountsByWhoExcludesIt() {
    float excluded = Float.NEGATIVE_INFINITY;
    double half = Math.log(2);

    assertThat(of(new float[] {0, excluded}, new float[] {5, 5}).nats())
        .isCloseTo(half, within(1e-15));
    assertThat(of(new float[] {0, excluded}, new float[] {5, excluded}).nats()).isZero();
    assertThat(of(new float[] {0, 0}, new float[] {0, excluded}).nats()).isInfinite();
    assertThat(of(new float[] {0, 0}, new float[] {0, Float.NaN}).nats()).isNaN();
  }

  @Test
  void largeLogitsDoNotOverflow() {
    Divergence far = of(new float[] {3e38f, -3e38f}, new float[] {-3e38f, 3e38f});

    assertThat(far.nats()).isGreaterThan(1e38).isFinite();
  }

  private static Divergence of(float[] dense, float[] other) {
    return Divergence.of(
        MemorySegment.ofArray(dense), MemorySegment.ofArray(other), 0, dense.length);
  }

  /** Returns the distribution of the token behind each of a window's, by the book. */
  private static List<double[]> probabilities(Decoder decoder, int[] window) {
    int vocabulary = decoder.vocabulary();
    List<double[]> all = new ArrayList<>();
    TextPass pass = new TextPass(decoder, List.of(window), Progress.NONE);
    try (BlockwiseRun run = pass.run(List.of(window));
        Arena arena = Arena.ofConfined()) {
      MemorySegment logits = arena.allocate(ValueLayout.JAVA_FLOAT, vocabulary);
      for (int position = 0; position < window.length - 1; position++) {
        run.logits(0, position, 1, logits);
        double[] row = new double[vocabulary];
        double sum = 0;
        for (int token = 0; token < vocabulary; token++) {
          row[token] = Math.exp(logits.getAtIndex(ValueLayout.JAVA_FLOAT, token));
          sum += row[token];
        }
        for (int token = 0; token < vocabulary; token++) {
          row[token] /= sum;
        }
        all.add(row);
      }
    }
    return all;
  }

  private static double divergence(double[] p, double[] q) {
    return IntStream.range(0, p.length).mapToDouble(at -> p[at] * Math.log(p[at] / q[at])).sum();
  }

  private static int top(double[] row) {
    int top = 0;
    for (int token = 1; token < row.length; token++) {
      top = row[token] > row[top] ? token : top;
    }
    return top;
  }
}
