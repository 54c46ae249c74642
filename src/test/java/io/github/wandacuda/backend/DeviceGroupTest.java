package io.github.wandacuda.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.SelectionRule.LowestPerRow;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class DeviceGroupTest {
  private static final WeightMatrix MATRIX =
      WeightMatrix.of(MemorySegment.ofArray(new float[6]), DType.F32, 2, 3);

  /**
   * A device that counts its calls and holds each of them until all that are expected are there.
   */
  private static final class Counting implements Backend, Selector {
    private final AtomicInteger calls = new AtomicInteger();
    private final String name;
    private final CountDownLatch together;
    private boolean closed;

    Counting(String name, CountDownLatch together) {
      this.name = name;
      this.together = together;
    }

    @Override
    public String name() {
      return "counting";
    }

    @Override
    public String device() {
      return name;
    }

    @Override
    public long tileBytes() {
      return name.length();
    }

    @Override
    public MemorySegment hostMemory(long bytes, Arena arena) {
      return arena.allocate(bytes);
    }

    @Override
    public int concurrency() {
      return 2;
    }

    @Override
    public Selector selector() {
      return this;
    }

    @Override
    public Operations operations() {
      throw new UnsupportedOperationException(name);
    }

    @Override
    public void close() {
      closed = true;
    }

    @Override
    public Selection select(
        WeightMatrix source,
        float[] norms,
        SelectionRule rule,
        WeightMatrix destination,
        MemorySegment mask) {
      calls.incrementAndGet();
      together.countDown();
      try {
        assertThat(together.await(10, TimeUnit.SECONDS)).isTrue();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      return new Selection(1, 2);
    }

    @Override
    public void countMagnitudes(WeightMatrix source, long[] counts) {
      counts[0]++;
    }

    @Override
    public void countMagnitudes(WeightMatrix source, int upper, long[] counts) {
      counts[upper]++;
    }
  }

  @Test
  void callsUnderWayAreDealtOutEvenly() throws InterruptedException {
    CountDownLatch together = new CountDownLatch(4);
    Counting one = new Counting("one", together);
    Counting other = new Counting("other", together);
    try (DeviceGroup group = new DeviceGroup(List.of(one, other))) {
      assertThat(group.concurrency()).isEqualTo(4);
      List<Thread> threads =
          List.of(1, 2, 3, 4).stream()
              .map(i -> Thread.ofPlatform().start(() -> select(group)))
              .toList();
      for (Thread thread : threads) {
        thread.join();
      }
    }
    assertThat(one.calls.get()).isEqualTo(2);
    assertThat(other.calls.get()).isEqualTo(2);
    assertThat(one.closed && other.closed).isTrue();
  }

  private static void select(Backend backend) {
    backend.selector().select(MATRIX, null, new LowestPerRow(1), MATRIX, null);
  }

  @Test
  void aGroupIsOneDeviceToItsUsers() {
    CountDownLatch none = new CountDownLatch(0);
    try (DeviceGroup group =
        new DeviceGroup(List.of(new Counting("one", none), new Counting("other", none)))) {
      assertThat(group.name()).isEqualTo("counting");
      assertThat(group.device()).isEqualTo("one + other");
      assertThat(group.tileBytes()).isEqualTo(3);
      long[] counts = new long[5];
      group.selector().countMagnitudes(MATRIX, counts);
      group.selector().countMagnitudes(MATRIX, 3, counts);
      assertThat(counts).containsExactly(1, 0, 0, 1, 0);
    }
  }
}
