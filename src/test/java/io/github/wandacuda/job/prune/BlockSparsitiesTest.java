package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BlockSparsitiesTest {
  private static final Offset<Double> PRINTED = within(1e-6);
  private static final Offset<Double> ROUNDING = within(1e-12);

  /** A decoder with a number for each block. */
  record Sample(double total, long[] elements, double[] values) {
    BlockSparsities decoder() {
      return new BlockSparsities(total, elements);
    }

    @Override
    public String toString() {
      return "%s %s %s".formatted(total, Arrays.toString(elements), Arrays.toString(values));
    }
  }

  @Provide
  Arbitrary<Sample> decoders() {
    Arbitrary<Double> totals = Arbitraries.doubles().between(0, 0.99);
    return Arbitraries.integers()
        .between(1, 40)
        .flatMap(
            blocks ->
                Combinators.combine(
                        totals,
                        Arbitraries.longs().between(1, 1L << 40).array(long[].class).ofSize(blocks),
                        Arbitraries.doubles().between(0, 9).array(double[].class).ofSize(blocks))
                    .as(Sample::new));
  }

  private static BlockSparsities equalBlocks(double total, int blocks) {
    long[] elements = new long[blocks];
    Arrays.fill(elements, 1000);
    return new BlockSparsities(total, elements);
  }

  private static void assertTotal(Sample sample, double[] sparsities) {
    assertThat(sparsities).hasSize(sample.elements().length);
    assertThat(Arrays.stream(sparsities)).allMatch(sparsity -> sparsity >= 0 && sparsity < 1);
    double pruned = 0;
    for (int block = 0; block < sparsities.length; block++) {
      pruned += sparsities[block] * sample.elements()[block];
    }
    double all = Arrays.stream(sample.elements()).asDoubleStream().sum();
    assertThat(pruned / all).isCloseTo(sample.total(), ROUNDING);
  }

  @Test
  void owlIsAsWorkedOutByHand() {
    assertThat(equalBlocks(0.7, 3).owl(new double[] {0.20, 0, 0.20}, 0.08))
        .containsExactly(new double[] {0.646667, 0.806667, 0.646667}, PRINTED);
  }

  @Test
  void dlpIsAsWorkedOutByHand() {
    assertThat(equalBlocks(0.7, 3).dlp(new double[] {4, 2, 3.2}, 0.15))
        .containsExactly(new double[] {0.84, 0.54, 0.72}, PRINTED);
  }

  @Test
  void atpIsAsWorkedOutByHand() {
    BlockSparsities decoder = equalBlocks(0.7, 32);
    double[] sparsities = decoder.atp(0.01);
    assertThat(sparsities[0]).isCloseTo(0.545, PRINTED);
    assertThat(sparsities[1]).isCloseTo(0.555, PRINTED);
    assertThat(sparsities[31]).isCloseTo(0.855, PRINTED);
    assertThat(decoder.largestBeta()).isCloseTo(0.0193548, PRINTED);
  }

  /** By weight the mean of 0 and 0.2 is 0.05, so the offsets are -0.05 and 0.15. */
  @Test
  void blocksCountByTheirWeights() {
    assertThat(new BlockSparsities(0.5, 300, 100).dlp(new double[] {1, 2}, 0.1))
        .containsExactly(new double[] {0.45, 0.65}, ROUNDING);
  }

  /** Unclamped it would be -0.2, 0.2 and 0.6; 0.2 less for two makes up for the first. */
  @Test
  void whatABoundTakesIsSharedOut() {
    assertThat(equalBlocks(0.2, 3).dlp(new double[] {1, 2, 3}, 0.4))
        .containsExactly(new double[] {0, 0.1, 0.5}, ROUNDING);
    // 0.4, 0.8 and 1.2: the last gets all but 1.
    assertThat(equalBlocks(0.8, 3).dlp(new double[] {1, 2, 3}, 0.4))
        .containsExactly(new double[] {0.5, 0.9, 1}, ROUNDING);
  }

  @ParameterizedTest
  @CsvSource({"0.1,0.04", "0.5,0.04", "0.55,0.07", "0.6,0.1", "0.65,0.125", "0.7,0.15", "0.9,0.15"})
  void dlpIsStrongerWhereMoreIsPruned(double total, double alpha) {
    assertThat(equalBlocks(total, 2).dlpAlpha()).isCloseTo(alpha, ROUNDING);
  }

  @Test
  void equalBlocksGetTheTotalExactly() {
    double[] same = {0.3, 0.3, 0.3};
    assertThat(equalBlocks(0.7, 3).owl(same, 0.08)).containsExactly(0.7, 0.7, 0.7);
    assertThat(equalBlocks(0.7, 3).dlp(same, 0.15)).containsExactly(0.7, 0.7, 0.7);
    assertThat(equalBlocks(0.7, 3).atp(0)).containsExactly(0.7, 0.7, 0.7);
    assertThat(equalBlocks(0.7, 3).uniform()).containsExactly(0.7, 0.7, 0.7);
    assertThat(equalBlocks(0.7, 1).largestBeta()).isZero();
  }

  @Property
  void anyStrengthKeepsTheTotal(@ForAll("decoders") Sample sample) {
    for (double strength : new double[] {0, 0.08, 0.3, 1, 5}) {
      assertTotal(sample, sample.decoder().owl(sample.values(), strength));
      assertTotal(sample, sample.decoder().dlp(sample.values(), strength));
    }
  }

  @Property
  void everyStepKeepsTheTotalAndRises(@ForAll("decoders") Sample sample) {
    BlockSparsities decoder = sample.decoder();
    for (double part : new double[] {0.1, 0.5, 1}) {
      double[] sparsities = decoder.atp(part * decoder.largestBeta());
      assertTotal(sample, sparsities);
      assertThat(sparsities).isSorted();
    }
  }

  @Property
  void dlpRisesWithTheMeansAndOwlFallsWithTheOutliers(@ForAll("decoders") Sample sample) {
    double[] dlp = sample.decoder().dlp(sample.values(), 0.15);
    double[] owl = sample.decoder().owl(sample.values(), 0.08);
    int[] order =
        IntStream.range(0, dlp.length)
            .boxed()
            .sorted((a, b) -> Double.compare(sample.values()[a], sample.values()[b]))
            .mapToInt(Integer::intValue)
            .toArray();
    for (int i = 1; i < order.length; i++) {
      assertThat(dlp[order[i]]).isGreaterThanOrEqualTo(dlp[order[i - 1]]);
      assertThat(owl[order[i]]).isLessThanOrEqualTo(owl[order[i - 1]]);
    }
  }

  @Test
  void refusesBlocksWithoutWeights() {
    assertThatIllegalArgumentException().isThrownBy(() -> new BlockSparsities(0.5));
    assertThatIllegalArgumentException().isThrownBy(() -> new BlockSparsities(0.5, 1, 0));
  }
}
