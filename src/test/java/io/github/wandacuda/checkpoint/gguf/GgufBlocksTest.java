package io.github.wandacuda.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Blocks of random bytes, so with each code and odd scales: negative, subnormal, infinite and NaN.
 */
class GgufBlocksTest {
  private static final int BLOCKS = 20_000;

  /**
   * SHA-256 of the float32 numbers, little-endian and each NaN as 7fc00000, by a reference in NumPy
   * that gives the bits of ggml's own library. Its bytes are made as here: SplitMix64 from the
   * type's number on, little-endian.
   */
  @ParameterizedTest
  @CsvSource({
    "F32, 32b0ee135694da705c6dcd41d23ae06b6d0c8bc5eb0e3be86c17660c99983fc6",
    "F16, bd201ec695df331ad77a9734a808011519032f76920365fd726e790c2147dfbb",
    "BF16, e7d2e67a78b5fb95cb7316dce6c365a44de60be5b2e2a60f4bf65e2b9141830b",
    "Q4_0, f30e97aa72be4703f1dcd70c6c65c352f122b2aa5c7b6e5af1959e7f3c203c8f",
    "Q4_1, 8245f8fe46f4636708e5b30c7e4d2b69b2fc72974e4642bcba7cfa7592dafb60",
    "Q5_0, d3f8702a091b4f923a19d2cd3adcf38f9340132255f600b33bae6605c4af5b9e",
    "Q5_1, 5b3ba710ca4b8cd3204065c3f11c90284650234f4f0f24ebdcc766f16dd685a5",
    "Q8_0, 8301f216d092c130d7703b3fcc5503ebbde3a285b28e9e4b2fbfea58743e7535",
    "Q2_K, e7240714e0d881557ac4e28b9c4fdb9d7c064f680dc74475efbe8131ad53f0ee",
    "Q3_K, a0fb89e2969d1eb4ff7e432645e819f882f6adaa8769e4248bbc6f60354dea41",
    "Q4_K, 52235be9c657e87b2428845ba683437662196c70f2d4970cd74b07f556110e7b",
    "Q5_K, c365bc8c0f3ac50f39987b3da608adc5bf539b9cbf9f342f92c31cbf7dc66af7",
    "Q6_K, 9f87d296e9941e12499724ef8195fc0f353a555a5db84ebbfc1bd0f83cec80cb",
    "IQ4_NL, 38e0ff051d9aa4ad79daf132bc4a0ce3da8c6157f3eb5a9240d853ddda084a1c",
    "IQ4_XS, 66c7eeb77596b1bd8eb64f913e3cc549bdc280ec56227c8aa05ad7a930e06db9",
    "TQ1_0, 07897354c15f7e9eb98a6a803199747327b353a16654ac2a91c72276784566ae",
    "TQ2_0, 9a06e79b3ef7d14cc0584c80776fa533bded66ec51f033a2359ca143d6fe91d1",
    "MXFP4, 5d0d236256cf7a030465c401f79be36e37aa3f41c7993364573a6644f731b19f",
    "NVFP4, 68480675548bc1a3ac6c75e1ad60ab34dc19262224426aadddfac9d215689624"
  })
  void numbersHaveTheBitsOfGgml(GgufType type, String digest) throws NoSuchAlgorithmException {
    byte[] bytes = new byte[BLOCKS * type.blockBytes()];
    random(type.id(), bytes);
    float[] values = new float[BLOCKS * type.blockElements()];
    type.widen(bytes, values);
    ByteBuffer bits =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bits.putInt(Float.floatToIntBits(value));
    }
    assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bits.array())))
        .isEqualTo(digest);
  }

  /** Fills bytes; {@link SplittableRandom} is SplitMix64 with this very increment. */
  private static void random(long seed, byte[] bytes) {
    SplittableRandom random = new SplittableRandom(seed);
    ByteBuffer words =
        ByteBuffer.allocate((bytes.length + Long.BYTES - 1) / Long.BYTES * Long.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    while (words.hasRemaining()) {
      words.putLong(random.nextLong());
    }
    words.get(0, bytes);
  }

  @Test
  void eachTypeThatIsWidenedIsTestedAbove() throws NoSuchMethodException {
    CsvSource tested =
        GgufBlocksTest.class
            .getDeclaredMethod("numbersHaveTheBitsOfGgml", GgufType.class, String.class)
            .getAnnotation(CsvSource.class);
    assertThat(Stream.of(tested.value()).map(row -> GgufType.valueOf(row.split(",")[0])))
        .containsExactlyInAnyOrderElementsOf(
            Stream.of(GgufType.values()).filter(GgufType::isWidened).toList());
  }
}
