package io.github.wandacuda.backend.cpu.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class NextRowTest {
  private static final long BYTES = 1024;

  private static long load(NextRow next, long half, long offset) {
    next.keep(NextRow.touch(next.memory(), half + (offset & next.mask())));
    return next.kept();
  }

  @Test
  void bothHalvesOfTheRowBehindAreLoaded() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(3 * BYTES);
      rows.set(ValueLayout.JAVA_LONG, BYTES + 64, 7);
      rows.set(ValueLayout.JAVA_LONG, BYTES + BYTES / 2 + 128, 8);
      NextRow next = new NextRow(BYTES);
      next.follow(rows, 0);
      assertThat(load(next, next.first(), 64)).isEqualTo(7);
      assertThat(load(next, next.second(), 128)).isEqualTo(8);
    }
  }

  /** A pass reaches up to a vector or a word of bits behind a row. */
  @Test
  void whatMayNotBeThereIsLeftAlone() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(2 * BYTES + 255).fill((byte) 1);
      NextRow next = new NextRow(BYTES);
      for (long at : new long[] {0, BYTES}) {
        next.follow(rows, at);
        assertThat(load(next, next.first(), 64)).isZero();
        assertThat(load(next, next.second(), BYTES / 2 + 200)).isZero();
      }
    }
  }
}
