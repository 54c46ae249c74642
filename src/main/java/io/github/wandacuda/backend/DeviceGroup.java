package io.github.wandacuda.backend;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Several devices of one backend that share the selection: each call goes to the device with the
 * fewest calls under way. The forward half is shared by those that compute the same bits as the
 * first one: devices of one model.
 */
final class DeviceGroup implements Backend {
  private final List<Member> members;
  private final Selector selector = new SharedSelector();

  /**
   * Puts open devices together.
   *
   * @param backends the devices, one or more, closed with the group
   */
  DeviceGroup(List<Backend> backends) {
    members = backends.stream().map(Member::new).toList();
  }

  private static final class Member {
    private final Backend backend;
    private final AtomicInteger calls = new AtomicInteger();

    Member(Backend backend) {
      this.backend = backend;
    }
  }

  private Backend first() {
    return members.get(0).backend;
  }

  @Override
  public String name() {
    return first().name();
  }

  @Override
  public String device() {
    return members.stream()
        .map(member -> member.backend.device())
        .collect(Collectors.joining(" + "));
  }

  @Override
  public String arithmetic() {
    return first().arithmetic();
  }

  @Override
  public Optional<Precision> precision() {
    return first().precision();
  }

  @Override
  public Optional<Precision> residentPrecision() {
    return first().residentPrecision();
  }

  @Override
  public String whyFloat32() {
    return first().whyFloat32();
  }

  @Override
  public long tileBytes() {
    return members.stream().mapToLong(member -> member.backend.tileBytes()).min().orElseThrow();
  }

  @Override
  public MemorySegment hostMemory(long bytes, Arena arena) {
    return first().hostMemory(bytes, arena);
  }

  @Override
  public int concurrency() {
    return members.stream().mapToInt(member -> member.backend.concurrency()).sum();
  }

  @Override
  public Selector selector() {
    return selector;
  }

  @Override
  public Operations operations() {
    return first().operations();
  }

  @Override
  public List<Operations> forwards() {
    return members.stream()
        .map(member -> member.backend)
        .filter(backend -> backend.arithmetic().equals(arithmetic()))
        .map(Backend::operations)
        .toList();
  }

  @Override
  public void close() {
    members.forEach(member -> member.backend.close());
  }

  private <T> T onLeastBusy(Function<Member, T> call) {
    Member member = takeLeastBusy();
    try {
      return call.apply(member);
    } finally {
      member.calls.decrementAndGet();
    }
  }

  private synchronized Member takeLeastBusy() {
    Member least = members.get(0);
    for (Member member : members) {
      if (member.calls.get() < least.calls.get()) {
        least = member;
      }
    }
    least.calls.incrementAndGet();
    return least;
  }

  private final class SharedSelector implements Selector {
    @Override
    public SelectionPlan prepare(DType dtype, int columns, float[] norms, SelectionRule rule) {
      return new SharedPlan(new SelectionArguments(dtype, columns, norms, rule));
    }

    @Override
    public void countMagnitudes(WeightMatrix source, long[] counts) {
      onLeastBusy(
          member -> {
            member.backend.selector().countMagnitudes(source, counts);
            return counts;
          });
    }

    @Override
    public void countMagnitudes(WeightMatrix source, int upper, long[] counts) {
      onLeastBusy(
          member -> {
            member.backend.selector().countMagnitudes(source, upper, counts);
            return counts;
          });
    }
  }

  /** A plan that is prepared on each device when the first call goes there. */
  private final class SharedPlan implements SelectionPlan {
    private final SelectionArguments arguments;
    private final Map<Member, SelectionPlan> plans = new ConcurrentHashMap<>();

    SharedPlan(SelectionArguments arguments) {
      this.arguments = arguments;
    }

    @Override
    public Selection select(WeightMatrix source, WeightMatrix destination, MemorySegment mask) {
      return onLeastBusy(
          member -> plans.computeIfAbsent(member, this::prepare).select(source, destination, mask));
    }

    private SelectionPlan prepare(Member member) {
      return member
          .backend
          .selector()
          .prepare(arguments.dtype(), arguments.columns(), arguments.norms(), arguments.rule());
    }

    @Override
    public void close() {
      plans.values().forEach(SelectionPlan::close);
    }
  }
}
