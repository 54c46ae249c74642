package io.github.wandacuda.backend;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.ServiceLoader;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** Finds the backends that are on the class path and opens their devices. */
public final class Backends {
  /** The name that stands for the first backend with a device that it prefers. */
  public static final String AUTO = "auto";

  private Backends() {}

  /**
   * A device that was opened, and why it was this one.
   *
   * @param backend the caller's to close; several devices of {@link #openAll} are one backend
   * @param reason for people
   */
  public record Choice(Backend backend, String reason) {}

  /** Returns every backend, in the order in which {@code auto} tries them. */
  public static List<BackendProvider> providers() {
    return ServiceLoader.load(BackendProvider.class, Backends.class.getClassLoader()).stream()
        .map(ServiceLoader.Provider::get)
        .sorted(Comparator.comparingInt(BackendProvider::order))
        .toList();
  }

  /**
   * Opens a device.
   *
   * @param name a backend's name, or {@link #AUTO}
   * @param device its index within its backend; with {@link #AUTO}, the first backend whose device
   *     of this index is usable and preferred is taken
   * @param threads CPU threads to use, 1 or more
   * @throws BackendUnavailableException if there is no such device, or it can't be used
   * @throws io.github.wandacuda.error.UsageException if there is no backend of this name
   */
  public static Choice open(String name, int device, int threads) {
    return open(name, device, threads, Precision.DEFAULT);
  }

  /**
   * Opens a device as {@link #open(String, int, int)} does, for a precision.
   *
   * @param name a backend's name, or {@link #AUTO}
   * @param device its index within its backend
   * @param threads CPU threads to use, 1 or more
   * @param precision of linear layers, where the backend has more than one
   * @throws io.github.wandacuda.error.UsageException if there is no backend of this name
   * @throws BackendUnavailableException if there is no such device, or it can't be used
   */
  public static Choice open(String name, int device, int threads, Precision precision) {
    return open(name, device, (provider, index) -> provider.open(index, threads, precision));
  }

  /**
   * Opens a device as {@link #open(String, int, int)} does, for a caller who brings the CPU
   * threads.
   *
   * @param name a backend's name, or {@link #AUTO}
   * @param device its index within its backend
   * @param workers the CPU threads, which stay the caller's to close
   * @throws io.github.wandacuda.error.UsageException if there is no backend of this name
   * @throws BackendUnavailableException if there is no such device, or it can't be used
   */
  public static Choice open(String name, int device, WorkerPool workers) {
    return open(name, device, (provider, index) -> provider.open(index, workers));
  }

  private static Choice open(
      String name, int device, BiFunction<BackendProvider, Integer, Backend> opening) {
    if (name.equals(AUTO)) {
      return openFirst(candidate -> candidate.index() == device, "device " + device, opening);
    }
    BackendProvider provider = named(name);
    List<DeviceDescription> devices = provider.devices();
    if (device >= devices.size()) {
      throw new BackendUnavailableException(
          ErrorDetails.NOWHERE
              .said(name + " has no " + missing(device, devices))
              .hint("'wanda-cuda devices' lists them"));
    }
    return open(provider, List.of(devices.get(device)), "asked for", opening);
  }

  /**
   * Opens all usable devices of a backend as one, which spreads the selection over them. The first
   * device that the backend prefers also runs the forward half, together with the others of the
   * same model.
   *
   * @param name a backend's name, or {@link #AUTO} for the first backend with a preferred device
   * @param threads CPU threads that each device may use, 1 or more
   * @param precision of linear layers, where the backend has more than one
   * @throws io.github.wandacuda.error.UsageException if there is no backend of this name
   * @throws BackendUnavailableException if no device can be used
   */
  public static Choice openAll(String name, int threads, Precision precision) {
    BiFunction<BackendProvider, Integer, Backend> opening =
        (provider, index) -> provider.open(index, threads, precision);
    if (name.equals(AUTO)) {
      return openFirst(candidate -> true, "device", opening);
    }
    BackendProvider provider = named(name);
    List<DeviceDescription> devices = provider.devices();
    List<DeviceDescription> usable = usable(devices);
    // Without a usable one, the first says what is missing.
    return open(provider, usable.isEmpty() ? devices.subList(0, 1) : usable, "asked for", opening);
  }

  /** Returns the usable devices, the preferred ones first and otherwise in the order given. */
  static List<DeviceDescription> usable(List<DeviceDescription> devices) {
    return devices.stream()
        .filter(DeviceDescription::usable)
        .sorted(Comparator.comparing(device -> !device.preferred()))
        .toList();
  }

  /**
   * Finds a backend among those on the class path.
   *
   * @param name as {@code --backend} takes it, but not {@link #AUTO}
   * @throws io.github.wandacuda.error.UsageException if there is no backend of this name
   */
  public static BackendProvider named(String name) {
    List<BackendProvider> providers = providers();
    String names = providers.stream().map(BackendProvider::name).collect(Collectors.joining(", "));
    return providers.stream()
        .filter(candidate -> candidate.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                ErrorDetails.of("`backend`")
                    .hint("'wanda-cuda devices' lists them")
                    .refused("auto or one of " + names, "'%s'".formatted(name)));
  }

  /**
   * Opens the devices that {@code wanted} accepts, of the first backend that has usable and
   * preferred ones among them.
   *
   * @param what is wanted, for the message if no backend has it
   */
  private static Choice openFirst(
      Predicate<DeviceDescription> wanted,
      String what,
      BiFunction<BackendProvider, Integer, Backend> opening) {
    List<String> passed = new ArrayList<>();
    for (BackendProvider provider : providers()) {
      List<DeviceDescription> devices = provider.devices();
      List<DeviceDescription> taken =
          devices.stream()
              .filter(wanted.and(DeviceDescription::usable).and(DeviceDescription::preferred))
              .toList();
      if (!taken.isEmpty()) {
        String reason =
            passed.isEmpty()
                ? "the first usable backend"
                : "passed over " + String.join(", ", passed);
        return open(provider, taken, reason, opening);
      }
      passed.add("%s (%s)".formatted(provider.name(), whyNot(devices)));
    }
    throw new BackendUnavailableException(
        "no backend has a usable %s: %s".formatted(what, String.join(", ", passed)));
  }

  /** Returns why {@code auto} passes a backend over: the first reason against a device of it. */
  private static String whyNot(List<DeviceDescription> devices) {
    return devices.stream()
        .filter(device -> !device.usable())
        .map(DeviceDescription::reason)
        .findFirst()
        .orElse(
            devices.stream().anyMatch(device -> !device.preferred())
                ? "no GPU"
                : "it has " + numbers(devices));
  }

  private static Choice open(
      BackendProvider provider,
      List<DeviceDescription> devices,
      String reason,
      BiFunction<BackendProvider, Integer, Backend> opening) {
    List<Backend> opened = new ArrayList<>();
    OnFailure.run(
        () -> opened.forEach(Backend::close),
        () -> {
          for (DeviceDescription device : devices) {
            if (!device.usable()) {
              throw new BackendUnavailableException(
                  "%s device %d (%s) can't be used: %s"
                      .formatted(provider.name(), device.index(), device.name(), device.reason()));
            }
            opened.add(opening.apply(provider, device.index()));
          }
        });
    return new Choice(opened.size() == 1 ? opened.get(0) : new DeviceGroup(opened), reason);
  }

  /** Says what is missing: a device of that number or, if none can be used, any usable device. */
  private static String missing(int device, List<DeviceDescription> devices) {
    return devices.stream().anyMatch(DeviceDescription::usable)
        ? "device %d: it has %s".formatted(device, numbers(devices))
        : "usable device: " + devices.get(0).reason();
  }

  private static String numbers(List<DeviceDescription> devices) {
    return devices.size() == 1 ? "one, device 0" : "devices 0 to %d".formatted(devices.size() - 1);
  }

  /**
   * Several devices of one backend that share the selection: each call goes to the device with the
   * fewest calls under way. The forward half is shared by the devices that compute the same bits as
   * the first one, which are those of its model.
   */
  static final class DeviceGroup implements Backend {
    private final List<Backend> devices;

    /** How many calls are under way on each device. */
    private final Map<Backend, Integer> calls = new IdentityHashMap<>();

    private final Selector selector = new SharedSelector();

    /**
     * Puts open devices together.
     *
     * @param devices one or more, closed with the group
     */
    DeviceGroup(List<Backend> devices) {
      this.devices = devices;
    }

    private Backend first() {
      return devices.get(0);
    }

    @Override
    public String name() {
      return first().name();
    }

    @Override
    public String device() {
      return devices.stream().map(Backend::device).collect(Collectors.joining(" + "));
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
    public long tileBytes() {
      return devices.stream().mapToLong(Backend::tileBytes).min().orElseThrow();
    }

    @Override
    public MemorySegment hostMemory(long bytes, Arena arena) {
      return first().hostMemory(bytes, arena);
    }

    @Override
    public int concurrency() {
      return devices.stream().mapToInt(Backend::concurrency).sum();
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
      return devices.stream()
          .filter(backend -> backend.arithmetic().equals(arithmetic()))
          .map(Backend::operations)
          .toList();
    }

    @Override
    public void close() {
      devices.forEach(Backend::close);
    }

    /**
     * Makes a call on the device with the fewest calls under way, and counts it until it returns.
     */
    private <T> T onLeastBusy(Function<Backend, T> call) {
      Backend device = takeLeastBusy();
      try {
        return call.apply(device);
      } finally {
        count(device, -1);
      }
    }

    private synchronized Backend takeLeastBusy() {
      Backend least =
          Collections.min(devices, Comparator.comparing(device -> calls.getOrDefault(device, 0)));
      count(least, 1);
      return least;
    }

    private synchronized void count(Backend device, int more) {
      calls.merge(device, more, Integer::sum);
    }

    private final class SharedSelector implements Selector {
      @Override
      public SelectionPlan prepare(DType dtype, int columns, float[] norms, SelectionRule rule) {
        return new SharedPlan(new SelectionArguments(dtype, columns, norms, rule));
      }

      @Override
      public void countMagnitudes(WeightMatrix source, OptionalInt upper, long[] counts) {
        onLeastBusy(
            device -> {
              device.selector().countMagnitudes(source, upper, counts);
              return counts;
            });
      }
    }

    /** A plan that is prepared on each device when the first call goes there. */
    private final class SharedPlan implements SelectionPlan {
      private final SelectionArguments arguments;
      private final Map<Backend, SelectionPlan> plans = new ConcurrentHashMap<>();

      SharedPlan(SelectionArguments arguments) {
        this.arguments = arguments;
      }

      @Override
      public Selection select(WeightMatrix source, WeightMatrix destination, MemorySegment mask) {
        return onLeastBusy(
            device ->
                plans.computeIfAbsent(device, this::prepare).select(source, destination, mask));
      }

      private SelectionPlan prepare(Backend device) {
        return device
            .selector()
            .prepare(arguments.dtype(), arguments.columns(), arguments.norms(), arguments.rule());
      }

      @Override
      public void close() {
        plans.values().forEach(SelectionPlan::close);
      }
    }
  }
}
