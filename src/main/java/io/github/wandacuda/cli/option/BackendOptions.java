package io.github.wandacuda.cli.option;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.cluster.OnCluster;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which device computes, with how many threads and how exactly; opens the backend. */
public final class BackendOptions {
  public static final String PRECISION = "--precision";

  private static final String ALL = "all";

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = Backends.AUTO,
      description = "auto, or a backend that 'devices' lists (default: ${DEFAULT-VALUE}).")
  private String backend;

  @Option(
      names = "--device",
      paramLabel = "N|all",
      defaultValue = "0",
      description = "The device's number within its backend, or all (default: ${DEFAULT-VALUE}).")
  private String device;

  @Option(
      names = PRECISION,
      paramLabel = "fast|high",
      description =
          "Multiply 16-bit weights on tensor cores with activations rounded to 16 bits (fast), or"
              + " with two 16-bit parts of them, in twice the time (high). The CPU multiplies in"
              + " float32. Default: high.")
  private Precision precision = Precision.DEFAULT;

  @Mixin private ThreadsOption threads;

  /** Checks the options, before the work that is done before {@link #open}. */
  public void check() {
    int unusedThreads = threads.count();
    int unusedDevice = device.equals(ALL) ? 0 : deviceNumber();
  }

  /** Warns if an option has no effect on a forward pass that is not shared by batches. */
  public void warnOfIdle(OutputOptions output) {
    if (device.equals(ALL)) {
      output.warn("--device all: a forward pass runs on the first device alone");
    }
  }

  public OnCluster.Devices devices() {
    return new OnCluster.Devices(
        backend,
        device.equals(ALL) ? OnCluster.Devices.ALL : deviceNumber(),
        threads.given() ? threads.count() : OnCluster.Devices.EACH_PROCESSOR,
        precision);
  }

  /** Opens it without a word, for work before that which it is opened for. */
  public Backends.Choice choose() {
    return device.equals(ALL)
        ? Backends.openAll(backend, threads.count(), precision)
        : Backends.open(backend, deviceNumber(), threads.count(), precision);
  }

  public Backend open(OutputOptions output) {
    Backends.Choice choice = choose();
    Backend opened = choice.backend();
    if (backend.equals(Backends.AUTO)) {
      output.say(
          "backend %s, %s: the first that is usable".formatted(opened.name(), opened.device()));
    }
    output.detail("backend %s, %s: %s", opened.name(), opened.device(), choice.reason());
    output.detail(
        "%d CPU threads, precision %s", threads.count(), Precision.label(opened.precision()));
    if (opened.precision().isEmpty() && !output.given(ClusterOption.NAME)) {
      output.warnIfGiven(opened.name() + " multiplies in float32", PRECISION);
    }
    return opened;
  }

  private int deviceNumber() {
    try {
      int number = Integer.parseInt(device);
      if (number >= 0) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Reported below, as any other text that is no number.
    }
    throw ErrorDetails.of("--device")
        .hint("'wanda-cuda devices' lists them")
        .refused("a number or all", "'%s'".formatted(Printable.of(device)));
  }
}
