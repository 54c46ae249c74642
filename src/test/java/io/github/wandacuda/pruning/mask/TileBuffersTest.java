package io.github.wandacuda.pruning.mask;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class TileBuffersTest {
  private final AtomicInteger made = new AtomicInteger();
  private final AtomicInteger live = new AtomicInteger();
  private final TileBuffers buffers =
      new TileBuffers(
          3,
          100,
          (bytes, arena) -> {
            made.incrementAndGet();
            live.incrementAndGet();
            return arena.allocate(bytes).reinterpret(arena, gone -> live.decrementAndGet());
          });

  @Test
  void areMadeAnewOnlyWhereTheyAreTooSmall() {
    try (buffers) {
      buffers.reserve(40);
      buffers.reserve(30);
      assertThat(buffers.of(2, 30).byteSize()).isEqualTo(30);
      assertThat(made).hasValue(3);
      buffers.reserve(50);
      assertThat(buffers.of(0, 50).byteSize()).isEqualTo(50);
      assertThat(made).hasValue(6);
      assertThat(live).hasValue(3);
    }
    assertThat(live).hasValue(0);
  }

  @Test
  void canBeEmpty() {
    try (buffers) {
      buffers.reserve(0);
      assertThat(buffers.of(1, 0).byteSize()).isZero();
    }
    assertThat(live).hasValue(0);
  }
}
