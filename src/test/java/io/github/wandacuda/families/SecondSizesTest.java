package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.families.reference.ReferenceModel;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.InputObserver;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.decoder.DescribedDecoder;
import io.github.wandacuda.testing.Pruning;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Families at sizes and with options that the fixtures don't have, in all types of weights, with
 * and without the names' prefix, beside buffers that no forward pass reads: against an independent
 * float64 implementation.
 */
class SecondSizesTest {
  private static final int LENGTH = 37;
  private static final double LOGITS = 2e-4;
  private static final double NORMS = 1e-5;

  private final Backend backend = Pruning.cpu(2);

  @TempDir Path directory;

  @AfterEach
  void close() {
    backend.close();
  }

  /**
   * A model to make up.
   *
   * @param prefix of its tensors' names
   */
  record Second(String name, String dtype, String prefix, String config) {
    @Override
    public String toString() {
      return "%s, %s, prefix '%s'".formatted(name, dtype, prefix);
    }
  }

  static List<Second> models() {
    return SecondSizes.all();
  }

  private List<int[]> samples(int vocabulary) {
    Random random = new Random(5);
    return IntStream.range(0, 2)
        .mapToObj(sample -> random.ints(LENGTH, 0, vocabulary).toArray())
        .toList();
  }

  @ParameterizedTest
  @MethodSource("models")
  void logitsAndNormsAreTheReferences(Second second) throws IOException {
    ReferenceModel reference =
        ReferenceModel.of(second.config(), second.dtype(), second.prefix(), 3);
    List<int[]> samples = samples(61);
    List<double[][]> logits = samples.stream().map(reference::logits).toList();
    assertThat(reference.routerGap()).as("a choice that rounding decides").isGreaterThan(1e-4);
    String blocks = second.prefix() + (second.config().contains("\"gpt2\"") ? "h.0." : "layers.0.");
    reference.write(directory, blocks + "attn.bias", blocks + "self_attn.rotary_emb.inv_freq");
    try (ModelDirectory model = ModelDirectory.open(directory);
        DescribedDecoder decoder =
            (DescribedDecoder)
                DecoderFamilies.of(model.config())
                    .open(model.config(), model.checkpoint(), backend.operations())) {
      for (int sample = 0; sample < samples.size(); sample++) {
        assertLogits(decoder, samples.get(sample), logits.get(sample));
      }
      Statistics found =
          DenseCalibration.run(decoder, backend.operations(), samples, Progress.NONE);
      assertNorms(found, reference.norms(samples.size()));
      assertThat(model.modules().stream().map(module -> module.name()))
          .containsExactlyInAnyOrderElementsOf(found.norms().keySet());
    }
  }

  private void assertLogits(DescribedDecoder decoder, int[] tokens, double[][] expected) {
    try (Tensor hidden = backend.operations().tensor(tokens.length, decoder.hiddenSize())) {
      decoder.embed(tokens, tokens.length, hidden);
      for (int index = 0; index < decoder.blocks(); index++) {
        try (Block block = decoder.block(index)) {
          block.forward(hidden, tokens.length, InputObserver.NONE);
        }
      }
      Tensor logits = decoder.logits(hidden);
      float[] found = new float[logits.rows() * logits.columns()];
      backend.operations().download(logits, MemorySegment.ofArray(found));
      for (int i = 0; i < found.length; i++) {
        double value = expected[i / logits.columns()][i % logits.columns()];
        assertThat((double) found[i])
            .as("token %d, logit %d", i / logits.columns(), i % logits.columns())
            .isCloseTo(value, within(LOGITS * Math.max(1, Math.abs(value))));
      }
    }
  }

  private static void assertNorms(Statistics found, Map<String, double[]> expected) {
    assertThat(found.norms().keySet()).containsAll(expected.keySet());
    found
        .norms()
        .forEach(
            (module, norms) -> {
              double[] reference = expected.getOrDefault(module, new double[norms.length]);
              for (int column = 0; column < norms.length; column++) {
                assertThat((double) norms[column])
                    .as("%s, column %d", module, column)
                    .isCloseTo(
                        reference[column], within(NORMS * size(reference[column], reference)));
              }
            });
  }

  /**
   * What an error is relative to: a column that few tokens reached may hold what is left of numbers
   * as large as the module's others, which took each other away. Dead columns are exactly 0.
   */
  private static double size(double norm, double[] all) {
    double largest = Arrays.stream(all).max().orElse(0);
    return norm == 0 ? 0 : Math.max(norm, largest / 10);
  }
}
