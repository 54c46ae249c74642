package io.github.wandacuda.backend.cpu.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NextRowTest {
  private static final long BYTES = 1024;
  private static final long LINE = 64;

  private static long load(NextRow next, long at) {
    next.keep(NextRow.touch(next.memory(), at));
    return next.kept();
  }

  @Test
  void theRowBehindIsLoaded() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(3 * BYTES, LINE);
      rows.set(ValueLayout.JAVA_LONG, BYTES + LINE, 7);
      rows.set(ValueLayout.JAVA_LONG, BYTES + BYTES / 2 + 2 * LINE, 8);
      NextRow next = new NextRow(BYTES);
      next.follow(rows, 0);
      assertThat(load(next, next.start() + LINE)).isEqualTo(7);
      assertThat(load(next, next.middle() + 2 * LINE)).isEqualTo(8);
    }
  }

  /** So that a word in each 64 bytes is one in each line, wherever a row starts. */
  @ParameterizedTest
  @ValueSource(longs = {8, 40, 62})
  void wordsLieAtTheStartOfLines(long offset) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(3 * BYTES, LINE).asSlice(offset);
      NextRow next = new NextRow(BYTES);
      next.follow(rows, 0);
      assertThat((rows.address() + next.start()) % LINE).isZero();
      assertThat((rows.address() + next.middle()) % LINE).isZero();
      assertThat(next.start()).isBetween(BYTES, BYTES + LINE);
      assertThat(next.middle())
          .isBetween(next.start() + BYTES / 2 - LINE, next.start() + BYTES / 2);
    }
  }

  /** A pass reaches up to a vector or a word of bits behind a row. */
  @Test
  void theLastRowIsLoadedItselfInstead() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(2 * BYTES + 255, LINE);
      rows.set(ValueLayout.JAVA_LONG, LINE, 7);
      NextRow next = new NextRow(BYTES);
      next.follow(rows, 0);
      assertThat(load(next, next.start() + LINE)).isEqualTo(7);
      next.follow(rows, BYTES);
      assertThat(next.middle() + BYTES / 2).isLessThanOrEqualTo(2 * BYTES);
    }
  }
}
