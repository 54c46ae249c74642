package io.github.wandacuda.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class BlockMemoryTest {
  private static final int ALIGNMENT = 64;

  private final BlockMemory first = new BlockMemory();

  @Test
  void theNextBlockGetsTheMemoryOfOneThatWasClosed() {
    MemorySegment one = first.allocate(100, ALIGNMENT);
    MemorySegment other = first.allocate(100, ALIGNMENT);
    BlockMemory ahead = first.next();
    MemorySegment meanwhile = ahead.allocate(100, ALIGNMENT);
    assertThat(meanwhile.address()).isNotIn(one.address(), other.address());
    first.close();
    assertThat(ahead.allocate(100, ALIGNMENT).address()).isIn(one.address(), other.address());
    assertThat(ahead.allocate(100, ALIGNMENT).address()).isIn(one.address(), other.address());
    assertThat(ahead.allocate(100, ALIGNMENT).address())
        .isNotIn(one.address(), other.address(), meanwhile.address());
  }

  @Test
  void whatTheNextBlockHasNoUseForIsFreedWithIt() {
    MemorySegment used = first.allocate(100, ALIGNMENT);
    MemorySegment unused = first.allocate(101, ALIGNMENT);
    first.close();
    BlockMemory next = first.next();
    MemorySegment again = next.allocate(100, ALIGNMENT);
    assertThat(unused.scope().isAlive()).isTrue();
    next.close();
    assertThat(unused.scope().isAlive()).isFalse();
    assertThat(used.scope().isAlive()).isTrue();
    assertThat(again.address()).isEqualTo(used.address());
  }

  @Test
  void allThatIsFreeCanBeFreed() {
    MemorySegment free = first.allocate(100, ALIGNMENT);
    first.close();
    MemorySegment taken = first.next().allocate(200, ALIGNMENT);
    first.trim();
    assertThat(free.scope().isAlive()).isFalse();
    assertThat(taken.scope().isAlive()).isTrue();
  }
}
