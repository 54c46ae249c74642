package io.github.wandacuda.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.Mask;
import io.github.wandacuda.checkpoint.gguf.RowSource.StoredRow;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Zeros in codes, against files that a reference in NumPy made, which llama.cpp has run. */
class GgufZerosTest {
  private static final Path FOLDER = Path.of("testdata", "gguf");
  static final JsonNode ZEROS = TestData.json(FOLDER.resolve("zeros.json"));

  @TempDir Path directory;

  static Stream<String> files() {
    return ZEROS.properties().stream().map(Map.Entry::getKey);
  }

  static Stream<GgufType> withZeroCode() {
    return Stream.of(GgufType.values()).filter(type -> GgufZeroCodes.of(type).isPresent());
  }

  /** Writes the file that an entry describes. */
  static void write(JsonNode expected, Path file) {
    Path source = FOLDER.resolve(expected.path("from").textValue());
    try (ModelDirectory model = ModelDirectory.open(source)) {
      Map<GgufWeight, Mask> masks = masks(model, expected.path("tensors").textValue());
      GgufZeros zeros = layout(model, masks);
      write(zeros, masks, file, false);
      try (ModelDirectory written = ModelDirectory.open(file)) {
        assertThat(zeros.firstDifference(file)).isEmpty();
        masks.forEach(
            (weight, mask) ->
                assertThat(zeros.firstDifference(written.checkpoint(), weight, mask.bits()))
                    .isEmpty());
      }
    }
  }

  private static GgufZeros layout(ModelDirectory model, Map<GgufWeight, Mask> masks) {
    return new GgufZeros(model.checkpoint(), masks.keySet().stream().toList(), Optional.empty());
  }

  private static void write(
      GgufZeros zeros, Map<GgufWeight, Mask> masks, Path file, boolean resume) {
    try (GgufZerosWriter writer = GgufZerosWriter.open(zeros, file, resume)) {
      writer.copyKept(bytes -> {});
      masks.forEach(
          (weight, mask) -> {
            int checksum = writer.write(weight, mask.bits());
            assertThat(writer.holds(weight, checksum)).isTrue();
            assertThat(writer.holds(weight, checksum + 1)).isFalse();
          });
      writer.force();
    }
  }

  /** Returns the masks of a file's tensors by the reference's rule, whose order is the file's. */
  private static Map<GgufWeight, Mask> masks(ModelDirectory model, String tensors) {
    Map<GgufWeight, Mask> masks = new LinkedHashMap<>();
    for (LinearModule module : model.modules()) {
      GgufWeight weight =
          GgufWeight.of(
                  model.checkpoint(),
                  module.tensor(),
                  module.transposed(),
                  module.rows(),
                  module.columns())
              .orElseThrow();
      if (weight.row(0).stored().name().matches(tensors.replace("$", ""))) {
        Mask mask = Mask.allocate(weight.rows(), weight.columns());
        for (int row = 0; row < weight.rows(); row++) {
          StoredRow place = weight.row(row);
          for (int column = 0; column < weight.columns(); column++) {
            long element = (long) place.row() * weight.columns() + column;
            mask.set(row, column, (element * 2654435761L & 0xffff_ffffL) < 1L << 31);
          }
        }
        masks.put(weight, mask);
      }
    }
    return masks;
  }

  @ParameterizedTest
  @MethodSource("files")
  void filesHaveTheBytesOfTheReference(String name) throws Exception {
    Path file = directory.resolve("zeros.gguf");
    write(ZEROS.path(name), file);
    byte[] bytes = Files.readAllBytes(file);
    assertThat(bytes).hasSize(ZEROS.path(name).path("bytes").intValue());
    assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)))
        .isEqualTo(ZEROS.path(name).path("sha256").textValue());
  }

  /** Of random blocks each element in turn becomes 0, and no other number changes a bit. */
  @ParameterizedTest
  @MethodSource("withZeroCode")
  void aCodeForZeroChangesNothingElse(GgufType type) {
    Random random = new Random(type.id());
    byte[] blocks = new byte[2 * type.blockBytes()];
    int count = 2 * type.blockElements();
    float[] before = new float[count];
    float[] after = new float[count];
    for (int element = 0; element < count; element++) {
      random.nextBytes(blocks);
      if (type == GgufType.TQ1_0) {
        // What no packing of digits gives isn't written again as it was.
        canonical(blocks, type, random);
      }
      type.widen(blocks, before);
      byte[] zeroed = blocks.clone();
      int block = element / type.blockElements();
      GgufZeroCodes.of(type)
          .orElseThrow()
          .write(zeroed, block * type.blockBytes(), element % type.blockElements());
      type.widen(zeroed, after);
      for (int other = 0; other < count; other++) {
        int expected = Float.floatToRawIntBits(before[other]);
        int found = Float.floatToRawIntBits(after[other]);
        if (other != element) {
          assertThat(found).as("%s %d", type, other).isEqualTo(expected);
        } else if (Float.isFinite(before[other]) && Float.isFinite(after[other])) {
          assertThat(after[other]).as("%s %d", type, other).isZero();
        }
      }
      int changed = 0;
      for (int at = 0; at < blocks.length; at++) {
        changed += blocks[at] != zeroed[at] ? 1 : 0;
      }
      assertThat(changed).isLessThanOrEqualTo(type == GgufType.F32 ? Float.BYTES : 2);
    }
  }

  private static void canonical(byte[] blocks, GgufType type, Random random) {
    for (int block = 0; block < blocks.length; block += type.blockBytes()) {
      for (int at = 0; at < 52; at++) {
        int value = at < 48 ? random.nextInt(243) : 3 * random.nextInt(81);
        blocks[block + at] = (byte) Math.ceilDiv(value * 256, 243);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_1", "Q5_1", "Q2_K", "Q4_K", "Q5_K", "IQ4_NL", "IQ4_XS", "IQ2_XXS"})
  void otherTypesHaveNone(GgufType type) {
    assertThat(GgufZeroCodes.of(type)).isEmpty();
  }

  /** Whatever an earlier run left, what is right is kept and all else written anew. */
  @Test
  void whatIsBegunIsGoneOnWith() throws Exception {
    Path file = directory.resolve("zeros.gguf");
    JsonNode expected = ZEROS.path("wide-llama-Q6_K half the weights zero");
    try (ModelDirectory model =
        ModelDirectory.open(FOLDER.resolve(expected.path("from").textValue()))) {
      Map<GgufWeight, Mask> masks = masks(model, expected.path("tensors").textValue());
      GgufZeros zeros = layout(model, masks);
      write(zeros, masks, file, false);
      byte[] right = Files.readAllBytes(file);
      for (long at : new long[] {9, right.length / 2, -20}) {
        Damage.flip(file, at, 1);
        write(zeros, masks, file, true);
        assertThat(file).hasBinaryContent(right);
      }
      Files.write(file, Arrays.copyOf(right, right.length / 3));
      write(zeros, masks, file, true);
      assertThat(file).hasBinaryContent(right);
    }
  }

  /** The check of a written file finds a bit anywhere: of a code, a scale, a key or the padding. */
  @Test
  void eachChangedBitIsFound() throws Exception {
    Path source = FOLDER.resolve("gpt_oss-MXFP4.gguf");
    Path file = directory.resolve("zeros.gguf");
    try (ModelDirectory model = ModelDirectory.open(source)) {
      Map<GgufWeight, Mask> masks = masks(model, ".*(exps|attn_q).weight");
      GgufZeros zeros = layout(model, masks);
      write(zeros, masks, file, false);
      byte[] right = Files.readAllBytes(file);
      Random random = new Random(1);
      int begin = zeros.start().length;
      for (int trial = 0; trial < 60; trial++) {
        Damage.flip(file, begin + random.nextInt(right.length - begin), 1 << random.nextInt(8));
        try (ModelDirectory written = ModelDirectory.open(file)) {
          Optional<ErrorDetails> found = zeros.firstDifference(file);
          for (Map.Entry<GgufWeight, Mask> entry : masks.entrySet()) {
            found =
                found.or(
                    () ->
                        zeros.firstDifference(
                            written.checkpoint(), entry.getKey(), entry.getValue().bits()));
          }
          assertThat(found).isPresent();
        }
        Files.write(file, right);
      }
    }
  }
}
