package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MaskDigestTest {
  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"01234", "43210", "20413", "10234"})
  void theOrderOfArrivalDoesntMatter(String order) throws Exception {
    Random random = new Random(1);
    byte[][] masks = new byte[5][];
    MessageDigest expected = MessageDigest.getInstance("SHA-256");
    for (int i = 0; i < masks.length; i++) {
      masks[i] = new byte[i == 2 ? 3_000_000 : 10 * i];
      random.nextBytes(masks[i]);
      expected.update(masks[i]);
    }
    Path spill = directory.resolve("spill");
    String sha256 = HexFormat.of().formatHex(expected.digest());
    for (long held : new long[] {0, 50, Long.MAX_VALUE}) {
      try (MaskDigest digest = new MaskDigest(5, spill, held)) {
        for (char index : order.toCharArray()) {
          digest.add(index - '0', MemorySegment.ofArray(masks[index - '0']));
        }
        assertThat(digest.hex()).isEqualTo(sha256);
      }
      assertThat(Files.exists(spill)).isFalse();
    }
  }

  @Test
  void nothingIsSpilledInOrder() {
    Path spill = directory.resolve("spill");
    try (MaskDigest digest = new MaskDigest(2, spill)) {
      digest.add(0, MemorySegment.ofArray(new byte[8]));
      digest.add(1, MemorySegment.ofArray(new byte[8]));
      assertThat(Files.exists(spill)).isFalse();
    }
  }

  @Test
  void whatFitsWaitsInMemory() {
    Path spill = directory.resolve("spill");
    try (MaskDigest digest = new MaskDigest(5, spill, 16)) {
      digest.add(1, MemorySegment.ofArray(new byte[16]));
      assertThat(Files.exists(spill)).isFalse();
      digest.add(0, MemorySegment.ofArray(new byte[8]));
      digest.add(3, MemorySegment.ofArray(new byte[16]));
      assertThat(Files.exists(spill)).as("memory that is free again is used again").isFalse();
      digest.add(4, MemorySegment.ofArray(new byte[1]));
      assertThat(Files.exists(spill)).isTrue();
    }
  }

  @Test
  void aMissingMaskIsNoticed() {
    try (MaskDigest digest = new MaskDigest(2, directory.resolve("spill"))) {
      digest.add(1, MemorySegment.ofArray(new byte[8]));
      assertThatThrownBy(digest::hex).isInstanceOf(IllegalStateException.class);
    }
  }
}
