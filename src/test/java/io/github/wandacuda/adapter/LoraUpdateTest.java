package io.github.wandacuda.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.LoraFolder;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The arithmetic of a merge: to the bit as it is defined, and close to float64. */
class LoraUpdateTest {
  private static final Path GOLDEN = Path.of("testdata/golden/lora");
  private static final String Q = "layers.0.self_attn.q_proj";

  @TempDir Path directory;

  /** {@code expected.safetensors} holds the merged weights in float64, computed by NumPy. */
  @ParameterizedTest
  @CsvSource({"llama, 4", "gpt2, 2"})
  void isCloseToNumPyInFloat64(String kind, int modules) {
    Path golden = GOLDEN.resolve(kind);
    TreeMap<String, byte[]> expected = TestData.bytes(golden.resolve("expected.safetensors"));
    assertThat(expected).hasSize(modules);
    TreeMap<String, byte[]> weights = TestData.bytes(golden.resolve("model/model.safetensors"));
    try (ModelDirectory model = ModelDirectory.open(golden.resolve("model"));
        LoraAdapter adapter = LoraAdapter.open(golden.resolve("adapter"), model)) {
      assertThat(adapter.modules()).hasSize(modules);
      for (LoraModule pair : adapter.modules()) {
        String name = pair.module().tensor().name();
        byte[] bytes = weights.get(name).clone();
        new LoraUpdate(pair).apply(MemorySegment.ofArray(bytes), 0);
        assertClose(
            pair.module().tensor().type().orElseThrow(),
            weights.get(name),
            bytes,
            MemorySegment.ofArray(expected.get(name)));
      }
    }
  }

  private static void assertClose(DType dtype, byte[] before, byte[] after, MemorySegment exact) {
    int size = dtype.bytes();
    double ulp = Math.pow(2, dtype == DType.F32 ? -24 : dtype == DType.F16 ? -11 : -8);
    int zeros = 0;
    for (int at = 0; at * size < before.length; at++) {
      float weight = value(before, dtype, at);
      double expected = exact.getAtIndex(ValueLayout.JAVA_DOUBLE_UNALIGNED, at);
      if (weight == 0) {
        zeros++;
        assertThat(bits(after, size, at)).isEqualTo(bits(before, size, at));
      } else {
        double allowed = ulp * Math.abs(expected) * 1.01 + 1e-6;
        assertThat((double) value(after, dtype, at))
            .isBetween(expected - allowed, expected + allowed);
      }
    }
    assertThat(zeros).isBetween(before.length / size / 4, before.length / size * 3 / 4);
  }

  private static int bits(byte[] bytes, int size, int at) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    return size == 4 ? buffer.getInt(4 * at) : buffer.getShort(2 * at);
  }

  private static float value(byte[] bytes, DType dtype, int at) {
    int bits = bits(bytes, dtype.bytes(), at);
    return switch (dtype) {
      case F32 -> Float.intBitsToFloat(bits);
      case F16 -> Float.float16ToFloat((short) bits);
      case BF16 -> Float.intBitsToFloat(bits << 16);
    };
  }

  /** More columns than a strip has, and rows that come in two pieces. */
  @Test
  void isToTheBitAsDefined() throws IOException {
    int rows = 5;
    int columns = 2500;
    Random random = new Random(5);
    float[] weights = values(random, rows * columns);
    for (int at = 0; at < weights.length; at += 3) {
      weights[at] = at % 2 == 0 ? 0.0f : -0.0f;
    }
    float[] a = values(random, 7 * columns);
    float[] b = values(random, rows * 7);
    String[] names = LoraFolder.names(Q);
    Path adapterPath =
        LoraFolder.write(
            directory.resolve("adapter"),
            LoraFolder.CONFIG.replace("\"r\": 2", "\"r\": 7"),
            new SafetensorsBytes().f32(names[0], a, 7, columns).f32(names[1], b, rows, 7));
    float scale = (float) (2.0 / 7);
    try (ModelDirectory model = model(weights, rows, columns);
        LoraAdapter adapter = LoraAdapter.open(adapterPath, model)) {
      LoraUpdate update = new LoraUpdate(adapter.modules().getFirst());
      float[] merged = weights.clone();
      MemorySegment bytes = MemorySegment.ofArray(merged);
      LoraUpdate.Counts first = update.apply(bytes.asSlice(0, 8L * columns), 0);
      LoraUpdate.Counts second = update.apply(bytes.asSlice(8L * columns), 2);
      int changed = 0;
      for (int at = 0; at < weights.length; at++) {
        float sum = 0;
        for (int k = 0; k < 7; k++) {
          sum = Math.fma(b[at / columns * 7 + k], a[k * columns + at % columns], sum);
        }
        float expected = weights[at] == 0 ? weights[at] : Math.fma(scale, sum, weights[at]);
        assertThat(Float.floatToRawIntBits(merged[at]))
            .isEqualTo(Float.floatToRawIntBits(expected));
        changed += merged[at] == weights[at] ? 0 : 1;
      }
      assertThat(first.zeros() + second.zeros()).isEqualTo((rows * columns + 2) / 3);
      assertThat(first.changed() + second.changed()).isEqualTo(changed).isPositive();
    }
  }

  private static float[] values(Random random, int count) {
    float[] values = new float[count];
    for (int at = 0; at < count; at++) {
      values[at] = (float) random.nextGaussian();
    }
    return values;
  }

  private ModelDirectory model(float[] weights, int rows, int columns) throws IOException {
    return model(new SafetensorsBytes().f32(Q + ".weight", weights, rows, columns));
  }

  private ModelDirectory model(SafetensorsBytes weights) throws IOException {
    Path model = Files.createDirectories(directory.resolve("model"));
    Files.writeString(model.resolve("config.json"), "{}");
    weights.write(model.resolve("model.safetensors"));
    return ModelDirectory.open(model);
  }

  /** Halfway between two numbers of a 16-bit type the even one is taken. */
  @ParameterizedTest
  @CsvSource({
    "BF16, 0x3f80, 0x1p-8, 0x3f80", "BF16, 0x3f81, 0x1p-8, 0x3f82",
    "BF16, 0x3f80, 0x1.01p-8, 0x3f81", "F16, 0x3c00, 0x1p-11, 0x3c00",
    "F16, 0x3c01, 0x1p-11, 0x3c02", "F16, 0x3c00, 0x1.01p-11, 0x3c01",
    "F16, 0x8000, 1, 0x8000", "BF16, 0x8000, 1, 0x8000",
    "BF16, 0x3f80, -1, 0x0000", "F16, 0x3c00, -1, 0x0000"
  })
  void roundsToNearestEven(DType dtype, String before, float product, String after)
      throws IOException {
    short bits = (short) (int) Integer.decode(before);
    byte[] bytes = {(byte) bits, (byte) (bits >>> 8)};
    LoraUpdate.Counts counts = apply(dtype, bytes, product);
    assertThat(bits(bytes, 2, 0)).isEqualTo((short) (int) Integer.decode(after));
    assertThat(counts.zeros()).isEqualTo(before.equals("0x8000") ? 1 : 0);
    assertThat(counts.newZeros()).isEqualTo(after.equals("0x0000") ? 1 : 0);
  }

  private LoraUpdate.Counts apply(DType dtype, byte[] bytes, float product) throws IOException {
    Path path =
        LoraFolder.write(
            directory.resolve("adapter"), LoraFolder.CONFIG, LoraFolder.pair(Q, 1, 1, product));
    try (ModelDirectory model =
            model(new SafetensorsBytes().raw(Q + ".weight", dtype.name(), bytes, 1, 1));
        LoraAdapter adapter = LoraAdapter.open(path, model)) {
      return new LoraUpdate(adapter.modules().getFirst()).apply(MemorySegment.ofArray(bytes), 0);
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void anOverflowIsNamed(DType dtype) {
    byte[] most =
        switch (dtype) {
          case F32 -> new byte[] {-1, -1, 0x7f, 0x7f};
          case F16 -> new byte[] {-1, 0x7b};
          case BF16 -> new byte[] {0x7f, 0x7f};
        };
    float product = dtype == DType.F16 ? 1000 : 3e38f;
    assertThatThrownBy(() -> apply(dtype, most, product))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("tensor " + Q + ".weight: row 0, column 0: expected a merged weight");
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "llama"})
  void aWeightThatIsNotFiniteIsNamedByRowAndColumn(String type) throws IOException {
    float[] weights = {1, 2, 3, 4, 5, Float.NaN};
    boolean turned = type.equals("gpt2");
    Path path =
        LoraFolder.write(
            directory.resolve("adapter"),
            LoraFolder.CONFIG,
            LoraFolder.pair(Q, turned ? 3 : 2, turned ? 2 : 3, 1));
    Path place = Files.createDirectories(directory.resolve("model"));
    new SafetensorsBytes()
        .f32(Q + ".weight", weights, 2, 3)
        .write(place.resolve("model.safetensors"));
    Files.writeString(place.resolve("config.json"), "{\"model_type\": \"%s\"}".formatted(type));
    try (ModelDirectory model = ModelDirectory.open(place);
        LoraAdapter adapter = LoraAdapter.open(path, model)) {
      LoraUpdate update = new LoraUpdate(adapter.modules().getFirst());
      assertThatThrownBy(() -> update.apply(MemorySegment.ofArray(weights), 0))
          .isInstanceOf(InputException.class)
          .hasMessageContaining(turned ? "row 2, column 1: " : "row 1, column 2: ");
    }
  }
}
