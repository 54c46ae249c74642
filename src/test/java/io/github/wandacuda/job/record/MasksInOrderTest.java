package io.github.wandacuda.job.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.testing.Within;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MasksInOrderTest {
  private static final int LARGEST = 3_000_000;

  private static byte[][] masks() {
    Random random = new Random(1);
    byte[][] masks = new byte[5][];
    for (int i = 0; i < masks.length; i++) {
      masks[i] = new byte[i == 2 ? LARGEST : 10 * i];
      random.nextBytes(masks[i]);
    }
    return masks;
  }

  private static String sha256(byte[][] masks) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    for (byte[] mask : masks) {
      digest.update(mask);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  @ParameterizedTest
  @ValueSource(strings = {"01234", "43210", "20413", "10234"})
  void theOrderOfArrivalDoesntMatter(String order) throws Exception {
    byte[][] masks = masks();
    try (MasksInOrder digest = new MasksInOrder(masks.length, LARGEST, masks.length)) {
      for (char letter : order.toCharArray()) {
        int index = letter - '0';
        MemorySegment memory = digest.begin(index);
        MemorySegment.copy(MemorySegment.ofArray(masks[index]), 0, memory, 0, masks[index].length);
        digest.finish(index, memory, masks[index].length);
      }
      assertThat(digest.hex()).isEqualTo(sha256(masks));
    }
  }

  @Test
  void whoIsTooFarAheadWaits() throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    try (MasksInOrder digest = new MasksInOrder(3, 8, 2)) {
      MemorySegment first = digest.begin(0);
      digest.begin(1);
      Thread other =
          Thread.ofPlatform()
              .start(
                  () -> {
                    digest.begin(2);
                    done.countDown();
                  });
      assertThat(done.await(100, TimeUnit.MILLISECONDS)).isFalse();
      digest.finish(0, first, 8);
      assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
      Within.end(other);
    }
  }

  @Test
  void nobodyWaitsForAMaskThatWontCome() throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    try (MasksInOrder digest = new MasksInOrder(3, 8, 1)) {
      digest.begin(0);
      Thread other =
          Thread.ofPlatform()
              .start(
                  () -> {
                    digest.begin(1);
                    done.countDown();
                  });
      digest.giveUp();
      assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
      Within.end(other);
    }
  }

  @Test
  void aMissingMaskIsNoticed() {
    try (MasksInOrder digest = new MasksInOrder(2, 8, 2)) {
      digest.finish(1, MemorySegment.ofArray(new byte[8]), 0);
      assertThatThrownBy(digest::hex).isInstanceOf(IllegalStateException.class);
    }
  }
}
