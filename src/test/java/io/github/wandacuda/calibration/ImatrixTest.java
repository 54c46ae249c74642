package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Thorough;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files laid out by hand as llama.cpp's imatrix.cpp writes them. */
@Execution(ExecutionMode.CONCURRENT)
class ImatrixTest {
  private static final float[] SUMS = {0, 18, 32, 50};

  @TempDir Path directory;

  /** Little-endian numbers and texts, one after the other. */
  private static final class Bytes {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Bytes i32(int value) {
      out.writeBytes(buffer(4).putInt(value).array());
      return this;
    }

    Bytes i64(long value) {
      out.writeBytes(buffer(8).putLong(value).array());
      return this;
    }

    Bytes floats(float... values) {
      for (float value : values) {
        out.writeBytes(buffer(4).putFloat(value).array());
      }
      return this;
    }

    Bytes letters(String text) {
      out.writeBytes(text.getBytes(StandardCharsets.UTF_8));
      return this;
    }

    Bytes text(String text) {
      return i64(text.length()).letters(text);
    }

    Bytes pad() {
      while (out.size() % 32 != 0) {
        out.write(0);
      }
      return this;
    }

    private static ByteBuffer buffer(int size) {
      return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    byte[] bytes() {
      return out.toByteArray();
    }
  }

  private static byte[] gguf(String name, float tokens, float... sums) {
    return new Bytes()
        .letters("GGUF")
        .i32(3)
        .i64(2)
        .i64(4)
        .text("general.type")
        .i32(8)
        .text("imatrix")
        .text("imatrix.datasets")
        .i32(9)
        .i32(8)
        .i64(1)
        .text("text.txt")
        .text("imatrix.chunk_count")
        .i32(4)
        .i32(7)
        .text("imatrix.chunk_size")
        .i32(4)
        .i32(512)
        .text(name + ".in_sum2")
        .i32(2)
        .i64(sums.length)
        .i64(1)
        .i32(0)
        .i64(0)
        .text(name + ".counts")
        .i32(2)
        .i64(1)
        .i64(1)
        .i32(0)
        .i64(32)
        .pad()
        .floats(sums)
        .pad()
        .floats(tokens)
        .bytes();
  }

  private Statistics read(byte[] bytes) throws IOException {
    return Imatrix.read(Files.write(directory.resolve("x.gguf"), bytes));
  }

  /** A count of weights comes first there. */
  @Test
  void theFormatOfBeforeGgufIsRefusedWithWhatConvertsIt() {
    assertThatThrownBy(() -> read(new Bytes().i32(2).i32(5).letters("blk.0").bytes()))
        .isInstanceOf(InputException.class)
        .hasMessage(
            directory.resolve("x.gguf")
                + ": expected an imatrix in GGUF, found another start; llama-imatrix makes one of a"
                + " file of the older format");
  }

  @Test
  void ggufHoldsSumsAndCounts() throws IOException {
    Statistics statistics = read(gguf("blk.0.ffn_down.weight", 1024, SUMS));
    assertThat(statistics.norms().get("model.layers.0.mlp.down_proj")).containsExactly(0, 3, 4, 5);
    assertThat(statistics.samples()).isEqualTo(7);
    assertThat(statistics.sequenceLength()).isEqualTo(512);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"blk.0.attn_qkv.weight", "blk.0.ffn_gate_exps.weight", "blk.1.ssm_in.weight"})
  void namesThatCantBeMappedAreTold(String name) {
    assertThatThrownBy(() -> read(gguf(name, 1, SUMS)))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("tensor " + name)
        .hasMessageContaining("can't be mapped");
  }

  @ParameterizedTest
  @ValueSource(floats = {-1, Float.NaN, Float.POSITIVE_INFINITY})
  void numbersThatAreNoSumsAreRefused(float value) {
    String name = "blk.0.attn_k.weight";
    for (byte[] bytes : new byte[][] {gguf(name, 1, 1, value), gguf(name, value, 1)}) {
      assertThatThrownBy(() -> read(bytes))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("tensor " + name);
    }
  }

  @Test
  @Thorough
  void whatIsCutOrDamagedIsRefusedOrHarmless() throws IOException {
    Random random = new Random(4);
    byte[] whole = gguf("blk.0.attn_q.weight", 2, SUMS);
    for (int length = 0; length < whole.length; length++) {
      tolerate(Arrays.copyOf(whole, length));
    }
    for (int round = 0; round < 2_000; round++) {
      byte[] damaged = whole.clone();
      for (int change = random.nextInt(3); change >= 0; change--) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
      }
      tolerate(damaged);
    }
  }

  private void tolerate(byte[] bytes) throws IOException {
    try {
      assertThat(read(bytes).norms()).isNotEmpty();
    } catch (InputException e) {
      assertThat(e.getMessage()).contains("expected ").doesNotContain("\n");
    }
  }

  /** A small file whose tensors lie on one another would be a model of any size. */
  @Test
  void tensorsThatLieOnOneAnotherAreRefused() throws IOException {
    Bytes bytes = new Bytes().letters("GGUF").i32(3).i64(64).i64(0);
    for (int block = 0; block < 32; block++) {
      bytes.text("blk.%d.attn_q.weight.in_sum2".formatted(block)).i32(1).i64(2000).i32(0).i64(0);
      bytes.text("blk.%d.attn_q.weight.counts".formatted(block)).i32(1).i64(1).i32(0).i64(0);
    }
    float[] ones = new float[2008];
    Arrays.fill(ones, 1);
    assertThatThrownBy(() -> read(bytes.pad().floats(ones).bytes()))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("elements of all tensors at most");
  }

  @Test
  void moreWeightsThanAnyModelHasAreRefused() throws IOException {
    int count = 300_000;
    Bytes gguf = new Bytes().letters("GGUF").i32(3).i64(count).i64(0);
    for (int weight = 0; weight < count; weight++) {
      gguf.text("a").i32(0).i32(0).i64(0);
    }
    assertThatThrownBy(() -> read(gguf.bytes()))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("expected at most 200000 weights, found 300000");
  }

  /** Each count in turn, as every number that a count could be. */
  @ParameterizedTest
  @ValueSource(longs = {-1, 0, 1, 1 << 20, Integer.MAX_VALUE, Integer.MIN_VALUE, Long.MAX_VALUE})
  @FirstCases(1)
  void absurdNumbersAreRefusedOrHarmless(long number) throws IOException {
    byte[] valid = gguf("blk.0.attn_q.weight", 8, SUMS);
    for (int at = 0; at + Long.BYTES <= valid.length; at++) {
      byte[] bytes = valid.clone();
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(at, (int) number);
      tolerate(bytes);
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(at, number);
      tolerate(bytes);
    }
  }
}
