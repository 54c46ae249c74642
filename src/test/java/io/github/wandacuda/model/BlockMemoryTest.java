package io.github.wandacuda.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class BlockMemoryTest {
  private static final int ALIGNMENT = 64;
  private static final long LARGE = 1 << 20;

  private final BlockMemory first = new BlockMemory();

  @Test
  void theNextBlockGetsTheMemoryOfOneThatWasClosed() {
    MemorySegment one = first.allocate(LARGE, ALIGNMENT);
    MemorySegment other = first.allocate(LARGE, ALIGNMENT);
    BlockMemory ahead = first.next();
    MemorySegment meanwhile = ahead.allocate(LARGE, ALIGNMENT);
    assertThat(meanwhile.address()).isNotIn(one.address(), other.address());
    first.close();
    assertThat(ahead.allocate(LARGE, ALIGNMENT).address()).isIn(one.address(), other.address());
    assertThat(ahead.allocate(LARGE, ALIGNMENT).address()).isIn(one.address(), other.address());
    assertThat(ahead.allocate(LARGE, ALIGNMENT).address())
        .isNotIn(one.address(), other.address(), meanwhile.address());
  }

  @Test
  void whatTheNextBlockHasNoUseForIsFreedWithIt() {
    MemorySegment used = first.allocate(LARGE, ALIGNMENT);
    MemorySegment unused = first.allocate(LARGE + 1, ALIGNMENT);
    first.close();
    BlockMemory next = first.next();
    MemorySegment again = next.allocate(LARGE, ALIGNMENT);
    assertThat(unused.scope().isAlive()).isTrue();
    next.close();
    assertThat(unused.scope().isAlive()).isFalse();
    assertThat(used.scope().isAlive()).isTrue();
    assertThat(again.address()).isEqualTo(used.address());
  }

  @Test
  void allThatIsFreeCanBeFreed() {
    MemorySegment free = first.allocate(LARGE, ALIGNMENT);
    first.close();
    MemorySegment taken = first.next().allocate(2 * LARGE, ALIGNMENT);
    first.trim();
    assertThat(free.scope().isAlive()).isFalse();
    assertThat(taken.scope().isAlive()).isTrue();
  }

  @Test
  void littleIsFreedWithItsBlock() {
    MemorySegment little = first.allocate(LARGE - 1, ALIGNMENT);
    first.close();
    assertThat(little.scope().isAlive()).isFalse();
  }
}
