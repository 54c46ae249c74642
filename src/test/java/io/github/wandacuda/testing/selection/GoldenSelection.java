package io.github.wandacuda.testing.selection;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Given the norms that the original code saw, the masks are the original code's. */
public abstract class GoldenSelection {
  /** Returns the selectors to test, by name. */
  protected abstract Map<String, Selector> selectors();

  private static final Path TINY_LLAMA = Path.of("testdata/models/tiny-llama");
  private static final Path GOLDEN = Path.of("testdata/golden/tiny-llama");
  private static final Path FIXTURES = Path.of("testdata/fixtures");

  @ParameterizedTest
  @MethodSource("runs")
  void wandaOfTinyLlama(String run, Function<WeightMatrix, SelectionRule> rule) {
    GoldenMasks golden =
        GoldenMasks.read(TINY_LLAMA, GOLDEN.resolve(run + ".masks.safetensors"), false);
    checkAll(golden, GOLDEN.resolve(run + ".statistics.safetensors"), rule);
  }

  static Stream<Arguments> runs() {
    return Stream.of(
        Arguments.of("wanda-50", fraction(0.5)),
        Arguments.of("wanda-60", fraction(0.6)),
        Arguments.of("wanda-70", fraction(0.7)),
        Arguments.of("wanda-2of4", (Function<WeightMatrix, ?>) w -> new LowestPerGroup(2, 4)),
        Arguments.of("wanda-4of8", (Function<WeightMatrix, ?>) w -> new LowestPerGroup(4, 8)));
  }

  @ParameterizedTest
  @MethodSource("families")
  void wandaOfTheFixtures(String family) {
    Path fixture = FIXTURES.resolve(family);
    GoldenMasks golden =
        GoldenMasks.read(
            fixture.resolve("model"),
            fixture.resolve("wanda50.masks.safetensors"),
            family.equals("gpt2"));
    checkAll(golden, fixture.resolve("wanda50.statistics.safetensors"), fraction(0.5));
  }

  static Stream<String> families() {
    return Stream.of("llama-mha", "llama-gqa", "llama3", "llama-linear", "gpt2");
  }

  @Test
  void magnitudeOfTinyLlama() {
    GoldenMasks golden =
        GoldenMasks.read(TINY_LLAMA, GOLDEN.resolve("magnitude-50.masks.safetensors"), false);
    checkAll(
        golden,
        new GoldenMasks.Request() {
          @Override
          public float[] norms(String module) {
            return null;
          }

          @Override
          public SelectionRule rule(Selector selector, WeightMatrix weight) {
            return new AtMost(magnitudeAt(selector, weight, weight.elements() / 2));
          }
        });
  }

  private void checkAll(
      GoldenMasks golden, Path statistics, Function<WeightMatrix, SelectionRule> rule) {
    Map<String, TensorFiles.Stored> norms = TensorFiles.read(statistics);
    checkAll(
        golden,
        new GoldenMasks.Request() {
          @Override
          public float[] norms(String module) {
            return norms.get(module + ".input_norm").floats();
          }

          @Override
          public SelectionRule rule(Selector selector, WeightMatrix weight) {
            return rule.apply(weight);
          }
        });
  }

  private void checkAll(GoldenMasks golden, GoldenMasks.Request request) {
    selectors().values().forEach(selector -> golden.check(selector, request));
  }

  private static Function<WeightMatrix, SelectionRule> fraction(double sparsity) {
    return weight -> new LowestPerRow((int) Math.floor(weight.columns() * sparsity));
  }

  /** Returns the magnitude at a place in their sorted order, from the two levels of counts. */
  private static float magnitudeAt(Selector selector, WeightMatrix weight, long place) {
    long[] upper = new long[Selector.UPPER_BINS];
    selector.countMagnitudes(weight, upper);
    long left = place;
    int bin = 0;
    while (left >= upper[bin]) {
      left -= upper[bin++];
    }
    long[] lower = new long[Selector.LOWER_BINS];
    selector.countMagnitudes(weight, bin, lower);
    int low = 0;
    while (left >= lower[low]) {
      left -= lower[low++];
    }
    return Float.intBitsToFloat(bin << 16 | low);
  }
}
