package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.OnCluster;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for the backend, the device and the CPU threads. */
final class BackendOptions {
  /** The option for the precision. */
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
          "Multiply 16-bit weights on tensor cores with activations rounded to 16 bits (fast; on a"
              + " CPU with AMX, BF16 weights through oneDNN if it is there), or with two 16-bit"
              + " parts of them, in twice the time (high). Default: high.")
  private Precision precision = Precision.DEFAULT;

  @Mixin private ThreadsOption threads;

  int threads() {
    return threads.count();
  }

  /**
   * Checks the options, before the work that is done before {@link #open}.
   *
   * @throws UsageException if a value is malformed or out of range
   */
  public void check() {
    int unusedThreads = threads();
    int unusedDevice = device.equals(ALL) ? 0 : deviceNumber();
  }

  /** Warns if an option has no effect on a forward pass that is not shared by batches. */
  public void warnOfIdle(OutputOptions output) {
    if (device.equals(ALL)) {
      output.warn("--device all: a forward pass runs on the first device alone");
    }
  }

  /** Returns what the processes of a cluster open. */
  OnCluster.Devices devices() {
    return new OnCluster.Devices(
        backend,
        device.equals(ALL) ? OnCluster.Devices.ALL : deviceNumber(),
        threads.given() ? threads() : OnCluster.Devices.EACH_PROCESSOR,
        precision);
  }

  /** Opens the backend. */
  public Backends.Choice open(OutputOptions output) {
    Backends.Choice choice =
        device.equals(ALL)
            ? Backends.openAll(backend, threads(), precision)
            : Backends.open(backend, deviceNumber(), threads(), precision);
    String line =
        "backend %s, %s: %s"
            .formatted(choice.backend().name(), choice.backend().device(), choice.reason());
    if (backend.equals(Backends.AUTO)) {
      output.say(
          "backend %s, %s: the first that is usable"
              .formatted(choice.backend().name(), choice.backend().device()));
    }
    output.detail("%s", line);
    output.detail(
        "%d CPU threads, precision %s", threads(), Precision.label(choice.backend().precision()));
    if (choice.backend().precision().isEmpty() && !output.given(ClusterOption.NAME)) {
      output.warnIfGiven(choice.backend().whyFloat32(), PRECISION);
    }
    return choice;
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
