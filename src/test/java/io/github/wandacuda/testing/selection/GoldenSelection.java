package io.github.wandacuda.testing.selection;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Function;

/** Given the norms that the original code saw, the masks are the original code's. */
public final class GoldenSelection {
  /** The families of {@link #rowsOfFixture}. */
  public static final List<String> FAMILIES =
      List.of("llama-mha", "llama-gqa", "llama3", "llama-linear", "gpt2");

  private static final Path TINY_LLAMA = Path.of("testdata/models/tiny-llama");
  private static final Path GOLDEN = Path.of("testdata/golden/tiny-llama");
  private static final Path FIXTURES = Path.of("testdata/fixtures");

  private final Selector selector;

  /** Checks a selector. */
  public GoldenSelection(Selector selector) {
    this.selector = selector;
  }

  /** Checks the lowest of each row of the little Llama, by Wanda's scores. */
  public void rowsOfTinyLlama(int percent) {
    wandaOfTinyLlama("wanda-" + percent, fraction(percent / 100.0));
  }

  /** Checks N of each M columns of the little Llama, by Wanda's scores. */
  public void groupsOfTinyLlama(int pruned, int size) {
    wandaOfTinyLlama(
        "wanda-%dof%d".formatted(pruned, size), weight -> new LowestPerGroup(pruned, size));
  }

  private void wandaOfTinyLlama(String run, Function<WeightMatrix, SelectionRule> rule) {
    GoldenMasks golden =
        GoldenMasks.read(TINY_LLAMA, GOLDEN.resolve(run + ".masks.safetensors"), false);
    check(golden, GOLDEN.resolve(run + ".statistics.safetensors"), rule);
  }

  /** Checks the lower half of each row of a family's model, by Wanda's scores. */
  public void rowsOfFixture(String family) {
    Path fixture = FIXTURES.resolve(family);
    GoldenMasks golden =
        GoldenMasks.read(
            fixture.resolve("model"),
            fixture.resolve("wanda50.masks.safetensors"),
            family.equals("gpt2"));
    check(golden, fixture.resolve("wanda50.statistics.safetensors"), fraction(0.5));
  }

  /** Checks the magnitudes of the little Llama up to that of half of each matrix. */
  public void magnitudesOfTinyLlama() {
    GoldenMasks golden =
        GoldenMasks.read(TINY_LLAMA, GOLDEN.resolve("magnitude-50.masks.safetensors"), false);
    golden.check(
        selector,
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

  private void check(
      GoldenMasks golden, Path statistics, Function<WeightMatrix, SelectionRule> rule) {
    Map<String, TensorFiles.Stored> norms = TensorFiles.read(statistics);
    golden.check(
        selector,
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

  private static Function<WeightMatrix, SelectionRule> fraction(double sparsity) {
    return weight -> new LowestPerRow((int) Math.floor(weight.columns() * sparsity));
  }

  /** Returns the magnitude at a place in their sorted order, from the two levels of counts. */
  public static float magnitudeAt(Selector selector, WeightMatrix weight, long place) {
    long[] upper = new long[Selector.UPPER_BINS];
    selector.countMagnitudes(weight, OptionalInt.empty(), upper);
    long left = place;
    int bin = 0;
    while (left >= upper[bin]) {
      left -= upper[bin++];
    }
    long[] lower = new long[Selector.LOWER_BINS];
    selector.countMagnitudes(weight, OptionalInt.of(bin), lower);
    int low = 0;
    while (left >= lower[low]) {
      left -= lower[low++];
    }
    return Float.intBitsToFloat(bin << 16 | low);
  }
}
