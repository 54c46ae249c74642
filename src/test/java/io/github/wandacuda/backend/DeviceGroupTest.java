package io.github.wandacuda.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backends.DeviceGroup;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.Within;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.OptionalInt;
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
  private static final class Counting implements Backend, Selector, SelectionPlan {
    private final AtomicInteger plans = new AtomicInteger();
    private final AtomicInteger calls = new AtomicInteger();
    private final String name;
    private final CountDownLatch together;
    private int closes;

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
      closes++;
    }

    @Override
    public SelectionPlan prepare(DType dtype, int columns, float[] norms, SelectionRule rule) {
      plans.incrementAndGet();
      return this;
    }

    @Override
    public Selection select(WeightMatrix source, WeightMatrix destination, MemorySegment mask) {
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
    public void countMagnitudes(WeightMatrix source, OptionalInt upper, long[] counts) {
      counts[upper.orElse(0)]++;
    }
  }

  @Test
  void callsUnderWayAreDealtOutEvenly() throws InterruptedException {
    CountDownLatch together = new CountDownLatch(4);
    Counting one = new Counting("one", together);
    Counting other = new Counting("other", together);
    try (DeviceGroup group = new DeviceGroup(List.of(one, other))) {
      assertThat(group.concurrency()).isEqualTo(4);
      SelectionPlan plan = group.selector().prepare(DType.F32, 3, null, new LowestPerRow(1));
      List<Thread> threads =
          List.of(1, 2, 3, 4).stream()
              .map(i -> Thread.ofPlatform().start(() -> plan.select(MATRIX, MATRIX, null)))
              .toList();
      for (Thread thread : threads) {
        Within.end(thread);
      }
      plan.close();
    }
    for (Counting device : List.of(one, other)) {
      assertThat(device.plans.get()).isOne();
      assertThat(device.calls.get()).isEqualTo(2);
      assertThat(device.closes).as("the plan and the device").isEqualTo(2);
    }
  }

  @Test
  void aPlanIsCheckedBeforeItGoesToADevice() {
    CountDownLatch none = new CountDownLatch(0);
    Counting one = new Counting("one", none);
    try (DeviceGroup group = new DeviceGroup(List.of(one))) {
      assertThatThrownBy(() -> group.selector().prepare(DType.F32, 3, null, new LowestPerRow(4)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(one.plans.get()).isZero();
    }
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
      group.selector().countMagnitudes(MATRIX, OptionalInt.empty(), counts);
      group.selector().countMagnitudes(MATRIX, OptionalInt.of(3), counts);
      assertThat(counts).containsExactly(1, 0, 0, 1, 0);
    }
  }
}
