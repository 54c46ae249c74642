package io.github.wandacuda.testing.selection;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * A model, and what another implementation pruned of it.
 *
 * @param weights each linear module's weight, [out, in]
 * @param masks each module's packed mask
 */
public record GoldenMasks(Map<String, WeightMatrix> weights, Map<String, byte[]> masks) {
  private static final String MASK = ".mask";

  /**
   * Reads a model and masks.
   *
   * @param transposed whether the model stores its weights as [in, out]
   */
  public static GoldenMasks read(Path model, Path masks, boolean transposed) {
    Map<String, TensorFiles.Stored> tensors = TensorFiles.read(model);
    Map<String, WeightMatrix> weights = new TreeMap<>();
    Map<String, byte[]> bytes = new TreeMap<>();
    TensorFiles.read(masks)
        .forEach(
            (name, mask) -> {
              String module = name.substring(0, name.length() - MASK.length());
              WeightMatrix weight = tensors.get(module + ".weight").matrix();
              weights.put(module, transposed ? weight.transposed() : weight);
              bytes.put(module, mask.bytes());
            });
    return new GoldenMasks(weights, bytes);
  }

  /** What is asked for each module. */
  public interface Request {
    float[] norms(String module);

    SelectionRule rule(Selector selector, WeightMatrix weight);
  }

  /** Checks that the selector picks the same elements of every module, and zeroes just those. */
  public void check(Selector selector, Request request) {
    assertThat(masks).isNotEmpty();
    masks.forEach(
        (module, expected) -> {
          WeightMatrix weight = weights.get(module);
          WeightMatrix pruned =
              WeightMatrix.of(
                  Arena.ofAuto().allocate(weight.elements() * weight.dtype().bytes()),
                  weight.dtype(),
                  weight.rows(),
                  weight.columns());
          MemorySegment mask = Arena.ofAuto().allocate(expected.length);
          Selection selection =
              Select.once(
                  selector,
                  weight,
                  request.norms(module),
                  request.rule(selector, weight),
                  pruned,
                  mask);
          long picked = selection.pruned();
          assertThat(mask.toArray(ValueLayout.JAVA_BYTE)).as(module).isEqualTo(expected);
          assertThat(picked).as(module).isEqualTo(zeros(expected, weight));
          assertThat(Zeros.of(pruned)).as(module).isEqualTo(selection.zeros());
          assertThat(selection.zeros()).as(module).isBetween(picked, picked + Zeros.of(weight));
        });
  }

  private static long zeros(byte[] mask, WeightMatrix weight) {
    long kept = 0;
    for (byte bits : mask) {
      kept += Integer.bitCount(bits & 0xff);
    }
    return weight.elements() - kept;
  }
}
