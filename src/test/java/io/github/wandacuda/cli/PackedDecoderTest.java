package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.DType;
import io.github.wandacuda.evaluate.CachedDecoder;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A packed model's weights stay packed where the backend multiplies them so, and give the same. */
@EachBackend(variants = TestedBackend.OPENCL_TILES)
class PackedDecoderTest {
  private static final double CLOSE = 2e-4;
  private static final int CAPACITY = 20;
  private static final int[] PROMPT = {5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41};

  private final OpenedBackend backend;

  @TempDir private Path directory;

  PackedDecoderTest(OpenedBackend backend) {
    this.backend = backend;
  }

  /** Returns the logits after a prompt that is long for a packed weight, and after a token more. */
  private float[][] logits(Path path, WeightKeeping keeping) {
    Operations operations = backend.operations().getLast();
    try (ModelDirectory model = ModelDirectory.open(path);
        Decoder decoder = DecoderFamilies.of(model.config()).open(model, operations, keeping);
        CachedDecoder cached = new CachedDecoder(decoder, CAPACITY)) {
      return new float[][] {cached.next(PROMPT).clone(), cached.next(PROMPT[0]).clone()};
    }
  }

  @Test
  @Thorough
  void logitsAreThoseOfTheDenseModel() {
    Path pruned = InProcess.pruned(TestData.TINY_LLAMA, directory.resolve("pruned"));
    Path packed = InProcess.packed(pruned, directory.resolve("packed"));
    float[][] expected = logits(pruned, WeightKeeping.RESIDENT);
    float[][] found = logits(packed, WeightKeeping.RESIDENT);
    assertThat(logits(packed, WeightKeeping.RESIDENT_UNPACKED)).isDeepEqualTo(expected);
    for (int row = 0; row < expected.length; row++) {
      assertThat(found[row]).containsExactly(expected[row], within((float) CLOSE));
    }
  }

  @Test
  void cardsMultiplyPackedWeights() {
    boolean multiplies = backend.which().isCuda() || backend.which() == TestedBackend.OPENCL_TILES;
    if (backend.which().isGpu()) {
      for (DType dtype : DType.values()) {
        assertThat(backend.operations().getLast().multipliesSparse(dtype)).isEqualTo(multiplies);
      }
    }
  }
}
