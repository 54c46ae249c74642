package io.github.wandacuda.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.io.Crc32c.PieceChecksum;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class Crc32cTest {
  private static int crc(byte[] bytes, int from, int to) {
    return Crc32c.of(MemorySegment.ofArray(bytes).asSlice(from, to - from));
  }

  /** The check value of CRC-32C in every catalogue. */
  @Test
  void theCheckValue() {
    byte[] digits = "123456789".getBytes(StandardCharsets.US_ASCII);
    assertThat(crc(digits, 0, digits.length)).isEqualTo(0xe3069283);
  }

  @Test
  void partsOfAnyLengthCombine() {
    Random random = new Random(1);
    for (int i = 0; i < 300; i++) {
      byte[] bytes = new byte[random.nextInt(1, 5000)];
      random.nextBytes(bytes);
      int cut = random.nextInt(bytes.length + 1);
      int first = crc(bytes, 0, cut);
      int second = crc(bytes, cut, bytes.length);
      assertThat(Crc32c.combine(first, second, bytes.length - cut))
          .isEqualTo(crc(bytes, 0, bytes.length));
    }
  }

  /** Zeros that nobody has memory for: the same shift in one step and in many. */
  @Test
  void longPartsCombineLikeManyShortOnes() {
    int zero = crc(new byte[1], 0, 1);
    int crc = zero;
    long length = 1;
    for (int doubling = 0; doubling < 40; doubling++) {
      crc = Crc32c.combine(crc, crc, length);
      length *= 2;
    }
    int other = crc(new byte[1024], 0, 1024);
    long otherLength = 1024;
    while (otherLength < length) {
      other = Crc32c.combine(other, other, otherLength);
      otherLength *= 2;
    }
    assertThat(crc).isEqualTo(other);
  }

  @Test
  void piecesComeInAnyOrder() {
    Random random = new Random(2);
    byte[] bytes = new byte[10_007];
    random.nextBytes(bytes);
    for (int round = 0; round < 50; round++) {
      List<Integer> cuts = new ArrayList<>(List.of(0, bytes.length));
      for (int cut = 0; cut < 20; cut++) {
        cuts.add(random.nextInt(bytes.length));
      }
      Collections.sort(cuts);
      List<Integer> order = new ArrayList<>();
      for (int piece = 0; piece + 1 < cuts.size(); piece++) {
        order.add(piece);
      }
      Collections.shuffle(order, random);
      PieceChecksum sum = new PieceChecksum();
      for (int piece : order) {
        int from = cuts.get(piece);
        int to = cuts.get(piece + 1);
        sum.add(from, to - from, crc(bytes, from, to));
      }
      assertThat(sum.whole(bytes.length)).isEqualTo(crc(bytes, 0, bytes.length));
    }
  }

  @Test
  void aGapIsNoWhole() {
    PieceChecksum sum = new PieceChecksum();
    assertThat(sum.whole(0)).isZero();
    sum.add(0, 4, 1);
    sum.add(5, 5, 2);
    assertThatThrownBy(() -> sum.whole(10)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> sum.whole(4)).isInstanceOf(IllegalStateException.class);
  }
}
